package main

import (
	"math/rand"
	"net"
	"sync"
	"time"
)

// A Relay carries connections from its own address to another one, and harms them when told to. What it holds back it
// delivers later, in order, as TCP does; what it cuts is gone.
type Relay struct {
	listener net.Listener
	target   string
	mutex    sync.Mutex
	changed  *sync.Cond
	cut      bool
	held     [2]bool       // by direction: nothing comes through
	delay    time.Duration // each direction of each connection: a part of it
	links    map[*link]bool
}

const (
	forth = 0 // from who connects
	back  = 1
)

type link struct {
	ends  [2]*net.TCPConn // who connected, whom it is connected to
	delay [2]time.Duration
}

func newRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: listener, target: target, links: map[*link]bool{}}
	r.changed = sync.NewCond(&r.mutex)
	go r.accept()
	return r, nil
}

func (r *Relay) address() string { return r.listener.Addr().String() }

func (r *Relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.open(conn.(*net.TCPConn))
	}
}

func (r *Relay) open(from *net.TCPConn) {
	to, err := net.DialTimeout("tcp", r.target, 2*time.Second)
	if err != nil {
		from.Close()
		return
	}
	l := &link{ends: [2]*net.TCPConn{from, to.(*net.TCPConn)}}
	r.mutex.Lock()
	if r.cut {
		r.mutex.Unlock()
		l.close()
		return
	}
	r.links[l] = true
	r.slow(l)
	r.mutex.Unlock()
	var pumps sync.WaitGroup
	for direction := range l.ends {
		pumps.Go(func() { r.pump(l, direction) })
	}
	pumps.Wait()
	r.mutex.Lock()
	delete(r.links, l)
	r.mutex.Unlock()
	l.close()
}

func (l *link) close() {
	for _, end := range l.ends {
		end.Close()
	}
}

// slow is called under the mutex. Connections differ: what one knows, another may hear of much later.
func (r *Relay) slow(l *link) {
	for direction := range l.delay {
		l.delay[direction] = 0
		if r.delay > 0 {
			l.delay[direction] = time.Duration(rand.Int63n(int64(r.delay)))
		}
	}
}

type parcel struct {
	read time.Time
	data []byte
}

func (r *Relay) pump(l *link, direction int) {
	parcels := make(chan parcel, 256)
	go func() {
		defer close(parcels)
		for {
			data := make([]byte, 32<<10)
			n, err := l.ends[direction].Read(data)
			if err != nil {
				return
			}
			parcels <- parcel{time.Now(), data[:n]}
		}
	}()
	into := l.ends[1-direction]
	for p := range parcels {
		time.Sleep(time.Until(p.read.Add(r.gate(l, direction))))
		if _, err := into.Write(p.data); err != nil {
			l.ends[direction].CloseRead()
		}
	}
	into.CloseWrite()
}

// gate waits while that direction is held, and tells how long a parcel travels.
func (r *Relay) gate(l *link, direction int) time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for r.held[direction] && !r.cut {
		r.changed.Wait()
	}
	return l.delay[direction]
}

// harm changes the relay under its mutex, and wakes who waits.
func (r *Relay) harm(change func()) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	change()
	r.changed.Broadcast()
}

// sever ends all connections and, until heal, each new one.
func (r *Relay) sever() {
	r.harm(func() {
		r.cut = true
		for l := range r.links {
			l.close()
		}
	})
}

// hold keeps back what goes in that direction.
func (r *Relay) hold(direction int) { r.harm(func() { r.held[direction] = true }) }

// lag delays each direction of each connection by a part of that time of its own.
func (r *Relay) lag(most time.Duration) {
	r.harm(func() {
		r.delay = most
		for l := range r.links {
			r.slow(l)
		}
	})
}

// halfClose ends one direction of each connection: who connected has nothing more to say, but still listens.
func (r *Relay) halfClose() {
	r.harm(func() {
		for l := range r.links {
			l.ends[1].CloseWrite()
		}
	})
}

func (r *Relay) heal() {
	r.lag(0)
	r.harm(func() { r.cut, r.held = false, [2]bool{} })
}
