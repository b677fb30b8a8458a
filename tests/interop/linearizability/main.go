// Calls a wascc-keyvalue from many sides while its servers, its instances and the links between them are broken, and has an
// independent checker, porcupine, look for an order of all calls in which each answer is right.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/nats-io/nats.go"
)

type Options struct {
	program, natsServer, engine, reads, dir string
	servers, instances, callers, faults     int
	duration, pause                         time.Duration
	seed                                    int64
	violation                               bool
	only                                    *regexp.Regexp
	more                                    []string
}

func parse() *Options {
	o := &Options{}
	flag.StringVar(&o.program, "program", "", "the wascc-keyvalue to run")
	flag.StringVar(&o.natsServer, "nats-server", "nats-server", "the nats-server to run")
	flag.StringVar(&o.engine, "engine", "memory", "memory or jetstream")
	flag.StringVar(&o.reads, "reads", "linearizable", "linearizable or local (engine jetstream)")
	flag.StringVar(&o.dir, "dir", "", "an empty directory for logs, stores and histories (default: a new one)")
	flag.IntVar(&o.servers, "servers", 1, "how many nats-servers")
	flag.IntVar(&o.instances, "instances", 1, "how many instances")
	flag.IntVar(&o.callers, "callers", 16, "how many callers at once")
	flag.IntVar(&o.faults, "faults", 0, "how many faults")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long; with faults: at least")
	flag.DurationVar(&o.pause, "pause", 10*time.Millisecond, "of a caller between two calls, in the mean")
	flag.Int64Var(&o.seed, "seed", time.Now().UnixNano()%1e9, "of the faults' order and the callers' choices")
	only := flag.String("only", "", "only faults whose name matches, such as '^delay links'")
	flag.BoolVar(&o.violation, "violation", false, "the history must not hold, instead of must")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: test [OPTION]... [-- OPTION OF SERVE...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	o.more = flag.Args()
	return o
}

// A Run is one test.
type Run struct {
	options *Options
	setup   *Setup
	world   *World
	urls    []string
	faults  int
}

func (r *Run) say(format string, values ...any) {
	fmt.Printf("%8.3f  %s\n", time.Since(r.world.start).Seconds(), fmt.Sprintf(format, values...))
}

// connect gives each caller a connection that begins at another server, and knows the others.
func (r *Run) connect(first int) (*nats.Conn, error) {
	first %= len(r.urls)
	return connect(strings.Join(append(append([]string{}, r.urls[first:]...), r.urls[:first]...), ","))
}

func (r *Run) callers() ([]*Caller, error) {
	var callers []*Caller
	for i := range r.options.callers {
		conn, err := r.connect(i)
		if err != nil {
			return nil, err
		}
		callers = append(callers, &Caller{id: i, world: r.world, random: rand.New(rand.NewSource(r.options.seed + int64(i))), conn: conn})
	}
	return callers, nil
}

// awaitService: a write is answered through each server.
func (r *Run) awaitService(within time.Duration) error {
	for i := range r.urls {
		conn, err := r.connect(i)
		if err != nil {
			return err
		}
		_, err = insist(conn, "Set", map[string]any{"key": "probe", "value": "1"}, within)
		conn.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// call lets the callers call while the nemesis is at work; at the end all is mended.
func (r *Run) call(callers []*Caller, faults int) error {
	calling, stop := context.WithCancel(context.Background())
	last, give := context.WithCancel(context.Background())
	defer give()
	var work sync.WaitGroup
	for _, caller := range callers {
		work.Go(func() { caller.run(calling, last, r.options.pause) })
	}
	broken := r.harm(faults)
	if broken == nil {
		time.Sleep(time.Until(r.world.start.Add(r.options.duration)))
		broken = r.awaitService(time.Minute)
	}
	stop()
	// What has an id goes on until it is answered, which is soon now.
	timer := time.AfterFunc(30*time.Second, give)
	work.Wait()
	timer.Stop()
	return broken
}

// harm goes on until there were so many faults.
func (r *Run) harm(faults int) error {
	nemesis := &Nemesis{setup: r.setup, mortal: r.options.engine != "memory", only: r.options.only,
		random: rand.New(rand.NewSource(r.options.seed)), say: r.say}
	for r.faults < faults {
		done, err := nemesis.round()
		r.faults += done
		if err != nil {
			return err
		}
		// Mostly all come to rest before the next.
		if nemesis.pick(4) > 0 {
			if err := r.awaitService(time.Minute); err != nil {
				return err
			}
			time.Sleep(time.Duration(nemesis.pick(1000)) * time.Millisecond)
		}
	}
	return nil
}

// judge has the checker look at each pair of keys. It returns how many do not hold.
func (r *Run) judge() (bad int) {
	for place := range r.world.pairs {
		for _, history := range r.world.pairs[place].histories {
			verdict := verdict(history.records, time.Minute)
			if verdict == porcupine.Ok {
				continue
			}
			bad++
			path := filepath.Join(r.options.dir, "history-"+history.Keys[0]+".json")
			if err := history.save(path); err != nil {
				fmt.Println(err)
			}
			if bad > 1 {
				continue
			}
			fmt.Printf("%s of the keys %s: %s, of %d operations\n", verdict, strings.Join(history.Keys[:], " and "), path, len(history.records))
			r.explain(history, verdict)
		}
	}
	return bad
}

func (r *Run) explain(history *History, verdict porcupine.CheckResult) {
	if verdict != porcupine.Illegal {
		return
	}
	least := smallest(history.records, 10*time.Second)
	fmt.Printf("its shortest beginning that does not hold has %d operations, the last of them:\n", len(least))
	show(os.Stdout, least, 40)
	_, info := porcupine.CheckOperationsVerbose(model, least, 10*time.Second)
	porcupine.VisualizePath(model, info, filepath.Join(r.options.dir, "history.html"))
}

func (r *Run) report() {
	pairs, operations := 0, 0
	for place := range r.world.pairs {
		for _, history := range r.world.pairs[place].histories {
			pairs++
			operations += len(history.records)
		}
	}
	outcomes := &r.world.outcomes
	r.say("%d operations on %d pairs of keys, %d faults; of all requests %d answered, %d refused, %d not done, %d unknown", operations, pairs,
		r.faults, outcomes[answered].Load(), outcomes[rejected].Load(), outcomes[undone].Load(), outcomes[unknown].Load())
	for _, p := range append(append([]*Process{}, r.setup.servers...), r.setup.instances...) {
		for _, exit := range p.exits {
			r.say("%s ended by itself: %s", p.name, exit)
		}
	}
}

// fallen tells of an instance that ended though nobody had asked it to: it crashed, or gave up what it should have stood.
func (r *Run) fallen() error {
	for _, p := range r.setup.instances {
		for _, exit := range p.exits {
			return fmt.Errorf("%s ended by itself: %s", p.name, exit)
		}
	}
	return nil
}

func (r *Run) run() error {
	if err := r.setup.start(); err != nil {
		return err
	}
	if err := r.awaitService(time.Minute); err != nil {
		return err
	}
	callers, err := r.callers()
	if err != nil {
		return err
	}
	r.world.start = time.Now()
	bad := 0
	// Where it must not hold, chance gets a few turns.
	for turn := 1; turn == 1 || (r.options.violation && bad == 0 && turn <= 6); turn++ {
		if err := r.call(callers, turn*r.options.faults); err != nil {
			return err
		}
		r.report()
		if err := r.lookBack(callers[0].conn); err != nil {
			return err
		}
		bad = r.judge()
		r.say("the checker is done")
	}
	if r.options.violation != (bad > 0) {
		return fmt.Errorf("%d histories do not hold", bad)
	}
	return nil
}

// lookBack tells what is wrong whatever order the checker may find.
func (r *Run) lookBack(conn *nats.Conn) error {
	if r.world.complaint != "" {
		return fmt.Errorf("%s", r.world.complaint)
	}
	if err := r.fallen(); err != nil {
		return err
	}
	return r.world.totals.check(conn)
}

func (o *Options) String() string {
	text := fmt.Sprintf("%s, %d server(s), %d instance(s), %d faults, seed %d", o.engine, o.servers, o.instances, o.faults, o.seed)
	if o.engine == "jetstream" {
		text += ", reads " + o.reads
	}
	return text
}

func main() {
	o := parse()
	own := o.dir == ""
	if err := try(o); err != nil {
		fmt.Printf("not ok linearizable (%s): %v (logs: %s)\n", o, err, o.dir)
		os.Exit(1)
	}
	if own {
		os.RemoveAll(o.dir)
	}
	fmt.Printf("ok linearizable (%s)\n", o)
}

func try(o *Options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "linearizability-"); err != nil {
			return err
		}
	}
	r := &Run{options: o, world: &World{start: time.Now(), totals: newTotals()}}
	if r.setup, err = newSetup(o); err != nil {
		return err
	}
	return r.guarded()
}

// guarded stops all processes at the end, also where a signal ends the test.
func (r *Run) guarded() error {
	for _, relay := range r.setup.callers {
		r.urls = append(r.urls, "nats://"+relay.address())
	}
	signals, done := make(chan os.Signal, 1), make(chan error, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { done <- r.run() }()
	defer r.setup.stop()
	select {
	case err := <-done:
		return err
	case got := <-signals:
		return fmt.Errorf("ended by %v", got)
	}
}
