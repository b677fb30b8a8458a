package main

import (
	"io"
	"net"
	"testing"
	"time"
)

// A relayed connection to a listener of this test.
func connected(t *testing.T) (relay *Relay, near, far *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	relay, err = newRelay(listener.Addr().String())
	must(t, err)
	conn, err := net.Dial("tcp", relay.address())
	must(t, err)
	accepted, err := listener.Accept()
	must(t, err)
	near, far = conn.(*net.TCPConn), accepted.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	pass(t, near, far)
	return relay, near, far
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pass(t *testing.T, from, to net.Conn) time.Duration {
	t.Helper()
	begin := time.Now()
	_, err := from.Write([]byte("word"))
	must(t, err)
	must(t, to.SetReadDeadline(time.Now().Add(10*time.Second)))
	word := make([]byte, 4)
	_, err = io.ReadFull(to, word)
	must(t, err)
	return time.Since(begin)
}

func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == io.EOF {
		t.Fatal("something came through")
	}
}

func TestHeldIsDeliveredLater(t *testing.T) {
	relay, near, far := connected(t)
	relay.hold(forth)
	_, err := near.Write([]byte("word"))
	must(t, err)
	silent(t, far)
	pass(t, far, near)
	relay.heal()
	must(t, far.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = io.ReadFull(far, make([]byte, 4))
	must(t, err)
}

func TestCutEndsBothSides(t *testing.T) {
	relay, near, far := connected(t)
	relay.sever()
	for _, end := range []*net.TCPConn{near, far} {
		must(t, end.SetReadDeadline(time.Now().Add(10*time.Second)))
		if _, err := end.Read(make([]byte, 1)); err == nil {
			t.Fatal("it is not cut")
		}
	}
}

func TestHalfClosedStillHears(t *testing.T) {
	relay, near, far := connected(t)
	relay.halfClose()
	must(t, far.SetReadDeadline(time.Now().Add(10*time.Second)))
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the far end sees no end: %v", err)
	}
	pass(t, far, near)
}

func TestLag(t *testing.T) {
	relay, near, far := connected(t)
	relay.lag(time.Hour)
	relay.harm(func() {
		for l := range relay.links {
			l.delay = [2]time.Duration{50 * time.Millisecond, 0}
		}
	})
	if took := pass(t, near, far); took < 50*time.Millisecond {
		t.Fatalf("it took %v", took)
	}
}
