package main

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A history is told a call at a time: `from` and `to` are when it was called and answered; to 0: it was not.
type call struct {
	from, to  int64
	operation Operation
	answer    string
}

func told(calls []call) []porcupine.Operation {
	h := &History{}
	for i, c := range calls {
		h.record(i, c.operation, Outcome{Answer: c.answer, Unknown: c.to == 0}, c.from, c.to)
	}
	return h.records
}

func text(t string) *string { return &t }

func on(key int, name string, rest ...string) Operation {
	o := Operation{Name: name, Key: key}
	if len(rest) > 0 {
		o.Value = rest[0]
	}
	return o
}

func by(name string, delta int64) Operation { return Operation{Name: name, Delta: delta} }

func batch(items ...Operation) Operation { return Operation{Name: "Batch", Items: items} }

func swap(from *string, to string) Operation {
	return Operation{Name: "CompareAndSet", Value: to, Expected: from}
}

// Beside each wrong history stands one that differs in a single answer, or time, and is right.
func TestHistories(t *testing.T) {
	for name, test := range map[string]struct {
		right bool
		calls []call
	}{
		"a read of what was answered":  {true, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, on(0, "Get"), "7"}}},
		"a stale read":                 {false, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, on(0, "Get"), "nothing"}}},
		"a read beside a write":        {true, []call{{1, 4, on(0, "Set", "7"), "7"}, {2, 3, on(0, "Get"), "nothing"}}},
		"two readers go forth":         {true, []call{{1, 9, on(0, "Set", "7"), "7"}, {2, 3, on(0, "Get"), "nothing"}, {4, 5, on(0, "Get"), "7"}}},
		"two readers go back":          {false, []call{{1, 9, on(0, "Set", "7"), "7"}, {2, 3, on(0, "Get"), "7"}, {4, 5, on(0, "Get"), "nothing"}}},
		"both increments":              {true, []call{{1, 3, by("Increment", 1), "1"}, {2, 4, by("Increment", 1), "2"}}},
		"a lost update":                {false, []call{{1, 3, by("Increment", 1), "1"}, {2, 4, by("Increment", 1), "1"}}},
		"an unknown increment is done": {true, []call{{1, 0, by("Add", 5), ""}, {2, 3, on(0, "Get"), "nothing"}, {4, 5, on(0, "Get"), "5"}}},
		"an unknown increment is done twice": {false, []call{{1, 0, by("Add", 5), ""}, {2, 3, on(0, "Get"), "5"},
			{4, 5, on(0, "Get"), "10"}}},
		"an unknown set came late":     {true, []call{{1, 0, on(0, "Set", "7"), ""}, {2, 3, on(0, "Set", "8"), "8"}, {4, 5, on(0, "Get"), "7"}}},
		"an unknown set came and went": {false, []call{{1, 0, on(0, "Set", "7"), ""}, {2, 3, on(0, "Get"), "7"}, {4, 5, on(0, "Get"), "nothing"}}},
		"a push":                       {true, []call{{1, 2, on(1, "Push", "7"), "1"}, {3, 4, on(1, "Range"), "7"}}},
		"a double push":                {false, []call{{1, 2, on(1, "Push", "7"), "1"}, {3, 4, on(1, "Range"), "7,7"}}},
		"a push that counts two":       {false, []call{{1, 2, on(1, "Push", "7"), "2"}}},
		"two pop one after another":    {true, []call{{1, 2, on(1, "Push", "7"), "1"}, {3, 5, on(1, "Pop"), "7, 0 left"}, {4, 6, on(1, "Pop"), "nothing"}}},
		"two pop the same":             {false, []call{{1, 2, on(1, "Push", "7"), "1"}, {3, 5, on(1, "Pop"), "7, 0 left"}, {4, 6, on(1, "Pop"), "7, 0 left"}}},
		"one swaps":                    {true, []call{{1, 3, swap(nil, "7"), "swapped"}, {2, 4, swap(nil, "8"), "found 7"}}},
		"two swap the same":            {false, []call{{1, 3, swap(nil, "7"), "swapped"}, {2, 4, swap(nil, "8"), "swapped"}}},
		"a swap of what was there":     {true, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, swap(text("7"), "8"), "swapped"}}},
		"a swap of what is not there":  {false, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, swap(text("6"), "8"), "swapped"}}},
		"a member is kept":             {true, []call{{1, 2, on(1, "SetAdd", "m1"), "1"}, {3, 4, on(1, "SetQuery"), "m1"}}},
		"a member is lost":             {false, []call{{1, 2, on(1, "SetAdd", "m1"), "1"}, {3, 4, on(1, "SetQuery"), ""}}},
		"a deleted key is gone":        {true, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, on(0, "Del"), ""}, {5, 6, on(0, "Get"), "nothing"}}},
		"a deleted key comes back":     {false, []call{{1, 2, on(0, "Set", "7"), "7"}, {3, 4, on(0, "Del"), ""}, {5, 6, on(0, "Get"), "7"}}},
		"another kind":                 {true, []call{{1, 2, on(0, "SetAdd", "m1"), "1"}, {3, 4, on(0, "Get"), refused}}},
		"another kind is not refused":  {false, []call{{1, 2, on(0, "SetAdd", "m1"), "1"}, {3, 4, on(0, "Push", "7"), "1"}}},
		"a batch as a whole": {true, []call{{1, 9, batch(on(0, "Set", "7"), on(1, "Push", "8")), "7; 1"},
			{2, 3, batch(on(0, "Get"), on(1, "Range")), "nothing; "}, {4, 5, batch(on(0, "Get"), on(1, "Range")), "7; 8"}}},
		"half a batch": {false, []call{{1, 9, batch(on(0, "Set", "7"), on(1, "Push", "8")), "7; 1"},
			{2, 3, batch(on(0, "Get"), on(1, "Range")), "7; "}}},
		"a batch whose halves are seen apart": {false, []call{{1, 9, batch(on(0, "Set", "7"), on(1, "Push", "8")), "7; 1"},
			{2, 3, on(1, "Range"), "8"}, {4, 5, on(0, "Get"), "nothing"}}},
		"a batch that does not apply": {true, []call{{1, 2, batch(on(0, "Set", "7"), swap(text("6"), "9")), refused}, {3, 4, on(0, "Get"), "nothing"}}},
		"a batch that applies half":   {false, []call{{1, 2, batch(on(0, "Set", "7"), swap(text("6"), "9")), refused}, {3, 4, on(0, "Get"), "7"}}},
	} {
		got := verdict(told(test.calls), time.Minute)
		if (got == porcupine.Ok) != test.right {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A write that nobody answered and nobody saw is left out of what the checker tries first; one that was seen is not.
func TestTraceless(t *testing.T) {
	records := told([]call{{1, 0, on(0, "Set", "7"), ""}, {2, 0, on(0, "Set", "8"), ""}, {3, 4, on(0, "Get"), "8"}})
	left := withoutTraceless(records)
	if len(left) != 2 || left[0].Input.(Operation).Value != "8" {
		t.Errorf("left are %v", left)
	}
	if verdict(records, time.Minute) != porcupine.Ok {
		t.Error("the whole does not hold")
	}
}

// The shortest beginning ends with the answer that cannot be, whatever follows.
func TestSmallest(t *testing.T) {
	records := told([]call{{1, 2, on(0, "Set", "7"), "7"}, {3, 6, on(0, "Get"), "nothing"}, {4, 9, on(0, "Set", "8"), "8"},
		{5, 12, on(0, "Get"), "8"}, {10, 11, on(0, "Get"), "8"}})
	least := smallest(records, time.Minute)
	var shown strings.Builder
	show(&shown, least, 10)
	if len(least) != 3 || !strings.Contains(shown.String(), "Get a -> nothing") || !strings.Contains(shown.String(), "Set a 8 -> ?") {
		t.Errorf("it is\n%s", shown.String())
	}
}

func TestTotals(t *testing.T) {
	fates := map[string]fate{"1.1": answered, "1.2": unknown, "1.3": undone, "1.4": answered, "2.1": answered}
	for name, test := range map[string]struct {
		right bool
		items string
	}{
		"all that was answered":             {true, "1.1 2.1 1.4"},
		"what was not, too":                 {true, "2.1 1.1 1.4 1.2"},
		"one is lost":                       {false, "1.1 1.4"},
		"one is there twice":                {false, "1.1 1.1 2.1 1.4"},
		"an unknown one is there twice":     {false, "1.2 1.1 2.1 1.4 1.2"},
		"one that was said not to be there": {false, "1.1 1.3 2.1 1.4"},
		"one that nobody asked for":         {false, "1.1 2.1 1.4 3.1"},
		"not in a caller's order":           {false, "1.4 1.1 2.1"},
	} {
		if err := checkList(strings.Fields(test.items), fates); (err == nil) != test.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}
