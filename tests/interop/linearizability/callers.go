package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	subject = "wasmbus.provider.wascc.keyvalue.default.MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM."
	// More than --write-timeout, so that a provider that lives has answered.
	patience = 3500 * time.Millisecond
	// A pair of keys is left for a fresh one after so many operations, or so many unknown outcomes, each of which doubles
	// what the checker has to try.
	mostOperations = 1200
	mostUnknown    = 6
)

// notice remembers what a scalar held a moment ago: a CompareAndSet expects it.
func (h *History) notice(operation *Operation, answer string) {
	switch operation.Name {
	case "Get", "Set", "Add", "Increment":
		h.seen[operation.Key].Store(&answer)
	}
}

// A World is what all callers share.
type World struct {
	start     time.Time
	pairs     [4]Place
	numbers   atomic.Int64
	totals    Totals
	outcomes  [4]atomic.Int64 // by fate
	mutex     sync.Mutex
	complaint string
}

// A Place has one pair of keys after another.
type Place struct {
	mutex     sync.Mutex
	histories []*History
}

func (w *World) now() int64 { return time.Since(w.start).Nanoseconds() }

// complain keeps the first thing that no provider may do, whatever happens to it.
func (w *World) complain(err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.complaint == "" {
		w.complaint = err.Error()
	}
}

// history is the place's pair of keys of the moment.
func (w *World) history(place int) *History {
	p := &w.pairs[place]
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if last := len(p.histories) - 1; last >= 0 && !p.histories[last].worn() {
		return p.histories[last]
	}
	name := fmt.Sprintf("%d-%d", place, len(p.histories))
	h := &History{Keys: [2]string{name + "a", name + "b"}}
	p.histories = append(p.histories, h)
	return h
}

func (h *History) worn() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.begun++
	return h.begun > mostOperations || h.unknown > mostUnknown
}

// What can come of a request.
type fate int

const (
	answered fate = iota
	rejected      // it says what it found, and nothing was changed: 409
	undone        // it is known that nothing was changed: 503, no responders
	unknown       // 504, or no reply
)

// A Caller sends one request after another.
type Caller struct {
	id     int
	world  *World
	random *rand.Rand
	conn   *nats.Conn
}

func connect(url string) (*nats.Conn, error) {
	return nats.Connect(url,
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 0),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(2*time.Second),
		// What cannot be sent is refused at once, not sent later.
		nats.ReconnectBufSize(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.IgnoreDiscoveredServers(), nats.DontRandomize(), nats.RetryOnFailedConnect(true),
	)
}

// ask sends a request once.
func ask(conn *nats.Conn, name, id string, fields map[string]any) (json.RawMessage, fate, error) {
	message := nats.NewMsg(subject + name)
	message.Data, _ = json.Marshal(fields)
	if id != "" {
		message.Header.Set("Nats-Msg-Id", id)
	}
	answer, err := conn.RequestMsg(message, patience)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrReconnectBufExceeded) {
		return nil, undone, nil
	}
	if err != nil {
		return nil, unknown, nil
	}
	switch code := answer.Header.Get("Nats-Service-Error-Code"); code {
	case "":
		return answer.Data, answered, nil
	case "409":
		return nil, rejected, nil
	case "503", "507":
		return nil, undone, nil
	case "504":
		return nil, unknown, nil
	default:
		return nil, unknown, fmt.Errorf("%s %s: %s: %s", name, message.Data, code, answer.Header.Get("Nats-Service-Error"))
	}
}

// askOnce repeats a request with an id until it is known what came of it.
func (c *Caller) askOnce(ctx context.Context, name, id string, fields map[string]any) (json.RawMessage, fate, error) {
	open := false
	for {
		data, came, err := ask(c.conn, name, id, fields)
		c.world.outcomes[came].Add(1)
		open = open || came == unknown
		if err != nil || came == answered || id == "" {
			return data, came, err
		}
		// A refusal is not remembered: an earlier try may still be done.
		if came == rejected && open {
			return nil, unknown, nil
		}
		if came == rejected {
			return nil, rejected, nil
		}
		select {
		case <-ctx.Done():
			if open {
				return nil, unknown, nil
			}
			return nil, undone, nil
		case <-time.After(time.Duration(20+c.random.Intn(200)) * time.Millisecond):
		}
	}
}

// run calls until the context ends. What is repeated because of its id goes on until `last` ends.
func (c *Caller) run(ctx, last context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		var came fate
		if c.random.Intn(5) == 0 {
			came = c.callTotals(last)
		} else {
			came = c.callPair(last)
		}
		wait := time.Duration(c.random.Int63n(int64(2*pause) + 1))
		if came == undone || came == unknown {
			wait += time.Duration(c.random.Intn(100)) * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (c *Caller) callPair(last context.Context) fate {
	place := c.random.Intn(len(c.world.pairs))
	history := c.world.history(place)
	operation := c.choose(history)
	id := ""
	if (operation.Name == "Push" || operation.Name == "Increment") && c.random.Intn(3) == 0 {
		id = fmt.Sprintf("%d-%d", c.id, c.world.numbers.Add(1))
	}
	call := c.world.now()
	data, came, err := c.askOnce(last, operation.Name, id, operation.body(history.Keys))
	end := c.world.now()
	outcome := Outcome{Unknown: came == unknown}
	switch came {
	case answered:
		if err == nil {
			outcome.Answer, err = operation.answer(data)
		}
	case rejected:
		outcome.Answer = refused
	}
	if err != nil {
		c.world.complain(err)
	}
	if came == answered {
		history.notice(&operation, outcome.Answer)
	}
	if came != undone {
		history.record(c.id, operation, outcome, call, end)
	}
	return came
}

// choose makes up an operation. The first key of a pair is mostly a scalar, the second mostly a list or a set, so that most
// of what is asked is not refused.
func (c *Caller) choose(history *History) Operation {
	if c.random.Intn(6) == 0 {
		batch := Operation{Name: "Batch", Items: []Operation{c.single(history, 0), c.single(history, 1)}}
		for c.random.Intn(3) == 0 {
			batch.Items = append(batch.Items, c.single(history, c.random.Intn(2)))
		}
		return batch
	}
	return c.single(history, c.random.Intn(2))
}

func (c *Caller) single(history *History, key int) Operation {
	scalars := []string{"Get", "Get", "Get", "Set", "Set", "Add", "Increment", "Increment", "CompareAndSet", "CompareAndSet"}
	lists := []string{"Range", "Range", "Push", "Push", "Push", "Pop", "Pop"}
	sets := []string{"SetQuery", "SetQuery", "SetAdd"}
	names := scalars
	if other := c.random.Intn(20) == 0; (key == 1) != other {
		names = append(lists, sets...)
	}
	operation := Operation{Name: names[c.random.Intn(len(names))], Key: key}
	if c.random.Intn(20) == 0 {
		operation.Name = "Del"
	}
	c.fill(history, &operation)
	return operation
}

// fill gives an operation its values. Those of Set, Push and CompareAndSet are numbers that no other has.
func (c *Caller) fill(history *History, operation *Operation) {
	switch operation.Name {
	case "Set", "Push":
		operation.Value = c.unique()
	case "SetAdd":
		operation.Value = fmt.Sprintf("m%d", c.random.Intn(12))
	case "Add", "Increment":
		operation.Delta = int64(1 + c.random.Intn(1000))
	case "CompareAndSet":
		operation.Value = c.unique()
		if c.random.Intn(4) > 0 {
			operation.Expected = history.seen[operation.Key].Load()
		}
	case "Pop":
		operation.FromEnd = c.random.Intn(2) == 0
	}
}

func (c *Caller) unique() string { return strconv.FormatInt(c.world.numbers.Add(1), 10) }
