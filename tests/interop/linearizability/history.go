package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// What is not known by the end may happen as late as anybody likes.
const never = math.MaxInt64

// A Record is an operation as its caller saw it. Times are nanoseconds of the run's monotonic clock.
type Record struct {
	Caller    int
	Keys      [2]string
	Operation Operation
	Outcome   Outcome
	Call      int64
	Return    int64
}

// A History is all that was done to one pair of keys.
type History struct {
	mutex   sync.Mutex
	Keys    [2]string
	records []porcupine.Operation
	begun   int
	unknown int
	seen    [2]atomic.Pointer[string] // what each key's scalar held a moment ago
}

// record keeps what bears on the keys: a request of which it is known that it did nothing, and a read without an answer, do
// not.
func (h *History) record(caller int, operation Operation, outcome Outcome, call, end int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if outcome.Unknown {
		h.unknown++
		end = never
		if !operation.changes() {
			return
		}
	}
	h.records = append(h.records, porcupine.Operation{ClientId: caller, Input: operation, Output: outcome, Call: call, Return: end})
}

// verdict asks the checker. Most of what is not known was not done, or was done and seen by nobody: it is tried first without
// what left no trace, which the checker would else try at each place. Where that history holds, so does the whole.
func verdict(records []porcupine.Operation, patience time.Duration) porcupine.CheckResult {
	seen := withoutTraceless(records)
	if len(seen) < len(records) && porcupine.CheckOperationsTimeout(model, seen, patience) == porcupine.Ok {
		return porcupine.Ok
	}
	return porcupine.CheckOperationsTimeout(model, records, patience)
}

// withoutTraceless leaves out writes of unknown outcome whose value no answer has.
func withoutTraceless(records []porcupine.Operation) []porcupine.Operation {
	var answers strings.Builder
	for _, record := range records {
		answers.WriteString("," + record.Output.(Outcome).Answer)
	}
	words := make(map[string]bool)
	for _, word := range strings.FieldsFunc(answers.String(), func(r rune) bool { return strings.ContainsRune(",; ", r) }) {
		words[word] = true
	}
	return slices.DeleteFunc(slices.Clone(records), func(record porcupine.Operation) bool {
		operation := record.Input.(Operation)
		return record.Output.(Outcome).Unknown && operation.marked() && !operation.traced(words)
	})
}

// marked tells whether what the operation writes has a mark of its own: a value that no other operation has.
func (o *Operation) marked() bool {
	switch o.Name {
	case "Set", "Push", "CompareAndSet":
		return true
	case "Batch":
		return slices.ContainsFunc(o.Items, func(item Operation) bool { return item.marked() })
	}
	return false
}

func (o *Operation) traced(words map[string]bool) bool {
	if o.Name == "Batch" {
		return slices.ContainsFunc(o.Items, func(item Operation) bool { return item.traced(words) })
	}
	return o.marked() && words[o.Value]
}

// before is what was known at that time: what had been called, and of that, what had been answered.
func before(records []porcupine.Operation, time int64) []porcupine.Operation {
	var known []porcupine.Operation
	for _, record := range records {
		if record.Call > time {
			continue
		}
		if record.Return > time {
			operation := record.Input.(Operation)
			if !operation.changes() {
				continue
			}
			record.Output, record.Return = Outcome{Unknown: true}, never
		}
		known = append(known, record)
	}
	return known
}

// smallest is the shortest beginning of a history that does not hold: its last answer is the one that cannot be.
func smallest(records []porcupine.Operation, patience time.Duration) []porcupine.Operation {
	var ends []int64
	for _, record := range records {
		if record.Return != never {
			ends = append(ends, record.Return)
		}
	}
	slices.Sort(ends)
	at, _ := slices.BinarySearchFunc(ends, true, func(end int64, _ bool) int {
		if verdict(before(records, end), patience) == porcupine.Illegal {
			return 1
		}
		return -1
	})
	if at == len(ends) {
		return records
	}
	return before(records, ends[at])
}

// show prints the last operations of a history in the order of their calls, with times in milliseconds.
func show(out io.Writer, records []porcupine.Operation, most int) {
	records = slices.Clone(records)
	slices.SortFunc(records, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, record := range records[max(0, len(records)-most):] {
		end := "never"
		if record.Return != never {
			end = fmt.Sprintf("%.3f", float64(record.Return)/1e6)
		}
		fmt.Fprintf(out, "  caller %2d  %.3f … %s  %s\n", record.ClientId, float64(record.Call)/1e6, end,
			describe(record.Input.(Operation), record.Output.(Outcome)))
	}
}

// save writes a history as JSON lines, a record each.
func (h *History) save(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := json.NewEncoder(file)
	for _, record := range h.records {
		line := Record{record.ClientId, h.Keys, record.Input.(Operation), record.Output.(Outcome), record.Call, record.Return}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return file.Close()
}
