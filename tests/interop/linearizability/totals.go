package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Totals are counters and lists that live as long as the run: at its end they tell whether what was answered is there, once.
type Totals struct {
	mutex    sync.Mutex
	counters [2]counted         // [1]: each Increment has an id and is repeated until it is answered
	lists    [2]map[string]fate // [1]: likewise; the fate of each item
	turns    map[int]int        // how many items a caller has made
}

type counted struct{ answered, unknown int64 }

func newTotals() Totals {
	return Totals{lists: [2]map[string]fate{{}, {}}, turns: map[int]int{}}
}

// next is a caller's next item: `caller.turn`.
func (t *Totals) next(caller int) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.turns[caller]++
	return fmt.Sprintf("%d.%d", caller, t.turns[caller])
}

func (t *Totals) count(which int, came fate) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch came {
	case answered:
		t.counters[which].answered++
	case unknown:
		t.counters[which].unknown++
	}
}

func (t *Totals) pushed(which int, item string, came fate) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.lists[which][item] = came
}

// callTotals adds to one of the totals.
func (c *Caller) callTotals(last context.Context) fate {
	t, which, id := &c.world.totals, c.random.Intn(2), ""
	item := t.next(c.id)
	if which == 1 {
		id = "total-" + item
	}
	if c.random.Intn(2) == 0 {
		_, came, err := c.askOnce(last, "Increment", id, map[string]any{"key": totalName("counter", which), "delta": 1})
		c.settle(came, err)
		t.count(which, came)
		return came
	}
	_, came, err := c.askOnce(last, "Push", id, map[string]any{"key": totalName("list", which), "value": item})
	c.settle(came, err)
	t.pushed(which, item, came)
	return came
}

func totalName(what string, which int) string { return fmt.Sprintf("total-%s-%d", what, which) }

// settle complains of what can only be an error: no other kind is ever at a total's key.
func (c *Caller) settle(came fate, err error) {
	if came == rejected {
		err = fmt.Errorf("a total's key holds another kind")
	}
	if err != nil {
		c.world.complain(err)
	}
}

// insist asks until there is an answer.
func insist(conn *nats.Conn, name string, fields map[string]any, within time.Duration) (json.RawMessage, error) {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		data, came, err := ask(conn, name, "", fields)
		if err != nil || came == answered {
			return data, err
		}
	}
	return nil, fmt.Errorf("%s has no answer within %v though nothing is broken any more", name, within)
}

// check reads the totals and says what is wrong with them.
func (t *Totals) check(conn *nats.Conn) error {
	for which := range t.counters {
		if err := t.checkCounter(conn, which); err != nil {
			return err
		}
		items, err := readList(conn, totalName("list", which))
		if err == nil {
			err = checkList(items, t.lists[which])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", totalName("list", which), err)
		}
	}
	return nil
}

func (t *Totals) checkCounter(conn *nats.Conn, which int) error {
	name := totalName("counter", which)
	data, err := insist(conn, "Get", map[string]any{"key": name}, time.Minute)
	if err != nil {
		return err
	}
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	// Nobody has counted: there is nothing.
	sum, err := strconv.ParseInt("0"+r.text(), 10, 64)
	if err != nil {
		return err
	}
	least := t.counters[which].answered
	most := least + t.counters[which].unknown
	if sum < least {
		return fmt.Errorf("%s is %d, %d increments were answered: %d are lost", name, sum, least, least-sum)
	}
	if sum > most {
		return fmt.Errorf("%s is %d, at most %d increments were asked for: some were done twice", name, sum, most)
	}
	return nil
}

func readList(conn *nats.Conn, name string) ([]string, error) {
	const page = 1000
	var items []string
	for {
		fields := map[string]any{"key": name, "start": len(items), "stop": len(items) + page - 1}
		data, err := insist(conn, "Range", fields, time.Minute)
		if err != nil {
			return nil, err
		}
		var r reply
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, err
		}
		items = append(items, r.Values...)
		if len(r.Values) < page {
			return items, nil
		}
	}
}

// checkList: what was answered is there, what is there was asked for, nothing is there twice, and what one caller was told of
// stands in the order in which it asked.
func checkList(items []string, fates map[string]fate) error {
	seen, turns := map[string]bool{}, map[string]int{}
	for _, item := range items {
		came, asked := fates[item]
		if !asked || came == undone {
			return fmt.Errorf("it has %s, of which it was said that nothing was changed", item)
		}
		if seen[item] {
			return fmt.Errorf("it has %s twice", item)
		}
		seen[item] = true
		if came != answered {
			continue
		}
		caller, text, _ := strings.Cut(item, ".")
		turn, _ := strconv.Atoi(text)
		if turn < turns[caller] {
			return fmt.Errorf("it has %s behind %s.%d", item, caller, turns[caller])
		}
		turns[caller] = turn
	}
	for item, came := range fates {
		if came == answered && !seen[item] {
			return fmt.Errorf("%s was answered and is lost", item)
		}
	}
	return nil
}
