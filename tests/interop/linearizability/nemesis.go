package main

import (
	"fmt"
	"math/rand"
	"regexp"
	"syscall"
	"time"
)

// A Nemesis breaks things, one or two at a time, and mends them.
type Nemesis struct {
	setup  *Setup
	mortal bool // an instance may end: its data does not end with it
	only   *regexp.Regexp
	random *rand.Rand
	say    func(format string, values ...any)
}

// A fault is done at once. What must be mended is mended by Setup.heal.
type fault struct {
	name string
	do   func()
}

func (n *Nemesis) pick(count int) int { return n.random.Intn(count) }

func (n *Nemesis) choose() fault {
	for {
		if f := n.any(); n.only.MatchString(f.name) {
			return f
		}
	}
}

func (n *Nemesis) any() fault {
	s := n.setup
	switch what := n.pick(20); {
	case what < 6:
		return n.harmProcess(s.instances[n.pick(len(s.instances))], n.mortal)
	case what < 11:
		return n.harmProcess(s.servers[n.pick(len(s.servers))], true)
	case what < 12:
		return n.harmMany(s.instances, len(s.instances), n.mortal)
	case what < 13 && len(s.servers) > 2:
		return n.harmMany(s.servers, 2+n.pick(len(s.servers)-1), true)
	case what < 16 && len(s.routes) > 0:
		return n.harmRoutes()
	case what < 19:
		instance := n.pick(len(s.links))
		return n.harmRelays(fmt.Sprintf("links of instance-%d", instance), s.links[instance])
	default:
		server := n.pick(len(s.callers))
		return n.harmRelays(fmt.Sprintf("callers of server-%d", server), s.callers[server:server+1])
	}
}

func (n *Nemesis) harmProcess(p *Process, mortal bool) fault {
	switch what := n.pick(5); {
	case !mortal || what < 2:
		return fault{"pause " + p.name, func() { p.signal(syscall.SIGSTOP) }}
	case what < 3:
		return fault{"end " + p.name, func() { p.stop(syscall.SIGTERM) }}
	default:
		return fault{"kill " + p.name, func() { p.stop(syscall.SIGKILL) }}
	}
}

// harmMany harms several at once, in the same way.
func (n *Nemesis) harmMany(processes []*Process, count int, mortal bool) fault {
	kill := mortal && n.pick(2) == 0
	name := map[bool]string{true: "kill", false: "pause"}[kill]
	var chosen []*Process
	for _, i := range n.random.Perm(len(processes))[:count] {
		chosen = append(chosen, processes[i])
		name += " " + processes[i].name
	}
	return fault{name, func() {
		for _, p := range chosen {
			if kill {
				p.stop(syscall.SIGKILL)
			} else {
				p.signal(syscall.SIGSTOP)
			}
		}
	}}
}

// harmRoutes harms what is between two servers, or between one and all others.
func (n *Nemesis) harmRoutes() fault {
	servers := n.random.Perm(len(n.setup.servers))[:2]
	if n.pick(2) == 0 {
		return n.harmRelays(fmt.Sprintf("routes of server-%d", servers[0]), n.setup.routesOf(servers[0]))
	}
	return n.harmRelays(fmt.Sprintf("routes of server-%d and server-%d", servers[0], servers[1]), n.setup.routesOf(servers[0], servers[1]))
}

func (n *Nemesis) harmRelays(whose string, relays []*Relay) fault {
	each := func(do func(r *Relay)) func() {
		return func() {
			for _, r := range relays {
				do(r)
			}
		}
	}
	switch n.pick(5) {
	case 0:
		return fault{"cut " + whose, each((*Relay).sever)}
	case 1:
		most := time.Duration(20+n.pick(400)) * time.Millisecond
		return fault{fmt.Sprintf("delay %s by up to %v", whose, most), each(func(r *Relay) { r.lag(most) })}
	case 2:
		return fault{"half-close " + whose, each((*Relay).halfClose)}
	case 3:
		return fault{"hold what goes forth on " + whose, each(func(r *Relay) { r.hold(forth) })}
	default:
		return fault{"hold what comes back on " + whose, each(func(r *Relay) { r.hold(back) })}
	}
}

// round breaks, waits, and mends.
func (n *Nemesis) round() (int, error) {
	faults := []fault{n.choose()}
	if n.pick(4) == 0 {
		faults = append(faults, n.choose())
	}
	for _, f := range faults {
		n.say("%s", f.name)
		f.do()
		time.Sleep(time.Duration(n.pick(300)) * time.Millisecond)
	}
	hold := time.Duration(100+n.pick(2500)) * time.Millisecond
	// As long as an election, or a lease of the servers.
	if n.pick(8) == 0 {
		hold += 5 * time.Second
	}
	time.Sleep(hold)
	n.say("heal")
	return len(faults), n.setup.heal()
}
