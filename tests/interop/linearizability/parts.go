package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is a program that is started again and again.
type Process struct {
	name    string
	command []string
	log     string
	ready   string // what a line of its log says when it is ready
	mutex   sync.Mutex
	running *exec.Cmd
	ended   chan struct{}
	wanted  bool // that it ends is no surprise
	exits   []string
}

// All processes are children of one thread that lives as long as this program: Linux ends them with it.
var starts = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
}

func (p *Process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(p.command[0], p.command[1:]...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	starts <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.running, p.ended, p.wanted = command, make(chan struct{}), false
	go p.wait(command, p.ended)
	return nil
}

func (p *Process) wait(command *exec.Cmd, ended chan struct{}) {
	command.Wait()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.wanted {
		p.exits = append(p.exits, command.ProcessState.String())
	}
	close(ended)
}

func (p *Process) signal(signal syscall.Signal) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.running != nil {
		p.running.Process.Signal(signal)
	}
}

// stop ends the process by that signal and waits for its end; after some seconds it is killed.
func (p *Process) stop(signal syscall.Signal) {
	p.mutex.Lock()
	ended := p.ended
	p.wanted = true
	p.mutex.Unlock()
	if ended == nil {
		return
	}
	p.signal(signal)
	p.signal(syscall.SIGCONT)
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		p.signal(syscall.SIGKILL)
		<-ended
	}
}

// alive tells whether it has not ended.
func (p *Process) alive() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	select {
	case <-p.ended:
		return false
	default:
		return p.running != nil
	}
}

// awaitReady waits for the line of the log that says so, after what the log had.
func (p *Process) awaitReady(from int64, within time.Duration) error {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(p.log)
		if err == nil && int64(len(text)) > from && bytes.Contains(text[from:], []byte(p.ready)) {
			return nil
		}
		if !p.alive() {
			return fmt.Errorf("%s ended before it was ready: %s", p.name, text)
		}
	}
	return fmt.Errorf("%s is not ready within %v: %s", p.name, within, p.log)
}

// A Setup is the servers, the instances, and the relays between them.
type Setup struct {
	servers, instances []*Process
	routes             [][]*Relay // [who connects][to whom]; to itself: nil
	links              [][]*Relay // [instance][server]
	callers            []*Relay   // to each server
}

func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// All at once, so that they differ.
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func newSetup(o *Options) (*Setup, error) {
	s := &Setup{}
	ports, err := freePorts(2 * o.servers)
	if err != nil {
		return nil, err
	}
	clients, routes := ports[:o.servers], ports[o.servers:]
	for i := range o.servers {
		if err := s.addServer(o, i, clients[i], routes); err != nil {
			return nil, err
		}
	}
	for i := range o.instances {
		if err := s.addInstance(o, i, clients); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Setup) addServer(o *Options, i, port int, routePorts []int) error {
	name := fmt.Sprintf("server-%d", i)
	var config strings.Builder
	fmt.Fprintf(&config, "listen: 127.0.0.1:%d\nserver_name: %s\n", port, name)
	if o.engine == "jetstream" {
		fmt.Fprintf(&config, "jetstream { store_dir: %q }\n", filepath.Join(o.dir, name))
	}
	if o.servers > 1 {
		routes, err := s.addRoutes(i, routePorts)
		if err != nil {
			return err
		}
		// Nobody is told of an address that leads past a relay: port 1 refuses.
		fmt.Fprintf(&config, "cluster { name: relayed, listen: 127.0.0.1:%d, advertise: \"127.0.0.1:1\", no_advertise: true, routes: [%s] }\n",
			routePorts[i], strings.Join(routes, ", "))
	}
	path := filepath.Join(o.dir, name+".conf")
	if err := os.WriteFile(path, []byte(config.String()), 0o600); err != nil {
		return err
	}
	relay, err := newRelay(fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	s.callers = append(s.callers, relay)
	s.servers = append(s.servers, &Process{name: name, command: []string{o.natsServer, "-c", path},
		log: filepath.Join(o.dir, name+".log"), ready: "Server is ready"})
	return nil
}

// addRoutes: a server connects to each other one through a relay. Of two connections of a pair the servers end one.
func (s *Setup) addRoutes(i int, ports []int) ([]string, error) {
	var urls []string
	relays := make([]*Relay, len(ports))
	for j, port := range ports {
		if j == i {
			continue
		}
		relay, err := newRelay(fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return nil, err
		}
		relays[j] = relay
		urls = append(urls, "nats-route://"+relay.address())
	}
	s.routes = append(s.routes, relays)
	return urls, nil
}

// routesOf is what leads to the server and from it, or, with another one, what is between the two.
func (s *Setup) routesOf(server int, other ...int) []*Relay {
	var relays []*Relay
	for j := range s.routes {
		if j != server && (len(other) == 0 || other[0] == j) {
			relays = append(relays, s.routes[server][j], s.routes[j][server])
		}
	}
	return relays
}

// addInstance: one that prefers the server of its own number, and knows all.
func (s *Setup) addInstance(o *Options, i int, ports []int) error {
	var links []*Relay
	var urls []string
	for j := range ports {
		relay, err := newRelay(fmt.Sprintf("127.0.0.1:%d", ports[(i+j)%len(ports)]))
		if err != nil {
			return err
		}
		links = append(links, relay)
		urls = append(urls, "nats://"+relay.address())
	}
	name := fmt.Sprintf("instance-%d", i)
	command := []string{o.program, "serve", "--server", strings.Join(urls, ","), "--auth", "none"}
	if o.engine == "jetstream" {
		command = append(command, "--engine", o.engine, "--reads", o.reads)
	}
	command = append(command, o.more...)
	s.links = append(s.links, links)
	s.instances = append(s.instances, &Process{name: name, command: command, log: filepath.Join(o.dir, name+".log"), ready: " ready: "})
	return nil
}

func (s *Setup) start() error {
	for _, processes := range [][]*Process{s.servers, s.instances} {
		for _, p := range processes {
			if err := p.start(); err != nil {
				return err
			}
		}
		for _, p := range processes {
			if err := p.awaitReady(0, 60*time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Setup) stop() {
	for _, processes := range [][]*Process{s.instances, s.servers} {
		var stops sync.WaitGroup
		for _, p := range processes {
			stops.Go(func() {
				p.signal(syscall.SIGCONT)
				p.stop(syscall.SIGTERM)
			})
		}
		stops.Wait()
	}
}

func (s *Setup) relays() []*Relay {
	all := append([]*Relay{}, s.callers...)
	for i := range s.routes {
		all = append(all, s.routesOf(i)...)
	}
	for _, links := range s.links {
		all = append(all, links...)
	}
	return all
}

// heal mends the relays, and starts what has ended.
func (s *Setup) heal() error {
	for _, relay := range s.relays() {
		relay.heal()
	}
	for _, p := range append(append([]*Process{}, s.servers...), s.instances...) {
		p.signal(syscall.SIGCONT)
		if p.alive() {
			continue
		}
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}
