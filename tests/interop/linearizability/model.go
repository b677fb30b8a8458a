package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// What a key holds. Lists and sets are one text, their items parted by commas, so that states compare with ==.
type value struct {
	kind kind
	text string
}

type kind uint8

const (
	absent kind = iota
	scalar      // and counters: no operation of these tells them apart
	list
	set
)

// The state of a pair of keys, which a Batch joins.
type pair [2]value

func (v value) items() []string {
	if v.text == "" {
		return nil
	}
	return strings.Split(v.text, ",")
}

func holding(k kind, items []string) value {
	if len(items) == 0 {
		return value{}
	}
	return value{k, strings.Join(items, ",")}
}

// is tells whether an operation on that kind is at its place here.
func (v value) is(k kind) bool { return v.kind == absent || v.kind == k }

// do is what the contract's section 3 says of one operation: what the key holds afterwards, and the answer.
func (v value) do(o *Operation) (value, string) {
	switch o.Name {
	case "Set":
		return value{scalar, o.Value}, o.Value
	case "Del":
		return value{}, ""
	case "Get":
		if v.is(scalar) {
			return v, answerScalar(v.kind != absent, v.text)
		}
	case "CompareAndSet":
		if v.is(scalar) {
			return v.compareAndSet(o)
		}
	case "Add":
		return v.add(o, math.MinInt32, math.MaxInt32)
	case "Increment":
		return v.add(o, math.MinInt64, math.MaxInt64)
	case "Push", "Pop", "Range":
		if v.is(list) {
			return v.doList(o)
		}
	case "SetAdd", "SetQuery":
		if v.is(set) {
			return v.doSet(o)
		}
	}
	return v, refused
}

func (v value) compareAndSet(o *Operation) (value, string) {
	exists := v.kind != absent
	if exists != (o.Expected != nil) || (exists && v.text != *o.Expected) {
		return v, answerCompare(false, exists, v.text)
	}
	return value{scalar, o.Value}, answerCompare(true, true, "")
}

func (v value) add(o *Operation, least, most int64) (value, string) {
	var old int64
	if !v.is(scalar) {
		return v, refused
	}
	if v.kind == scalar {
		var err error
		if old, err = strconv.ParseInt(v.text, 10, 64); err != nil {
			return v, refused
		}
	}
	// The callers' numbers are small: the sum does not overflow 64 bits.
	sum := old + o.Delta
	if min(old, sum) < least || max(old, sum) > most {
		return v, refused
	}
	text := strconv.FormatInt(sum, 10)
	return value{scalar, text}, text
}

func (v value) doList(o *Operation) (value, string) {
	items := v.items()
	if o.Name == "Range" {
		return v, v.text
	}
	if o.Name == "Push" {
		items = append(items, o.Value)
		return holding(list, items), strconv.Itoa(len(items))
	}
	if len(items) == 0 {
		return v, answerPop(false, "", 0)
	}
	taken := items[0]
	if o.FromEnd {
		taken = items[len(items)-1]
		items = items[:len(items)-1]
	} else {
		items = items[1:]
	}
	return holding(list, items), answerPop(true, taken, len(items))
}

func (v value) doSet(o *Operation) (value, string) {
	items := v.items()
	if o.Name == "SetQuery" {
		return v, v.text
	}
	if place, there := slices.BinarySearch(items, o.Value); !there {
		items = slices.Insert(items, place, o.Value)
	}
	return holding(set, items), strconv.Itoa(len(items))
}

func (p pair) do(o *Operation) (pair, string) {
	if o.Name == "Batch" {
		return p.doBatch(o)
	}
	after, answer := p[o.Key].do(o)
	p[o.Key] = after
	return p, answer
}

// All or nothing: an item that is refused, or compares with what is not there, takes back the others.
func (p pair) doBatch(o *Operation) (pair, string) {
	after, answers := p, make([]string, len(o.Items))
	for i := range o.Items {
		after, answers[i] = after.do(&o.Items[i])
		if answers[i] == refused || (o.Items[i].Name == "CompareAndSet" && answers[i] != "swapped") {
			return p, refused
		}
	}
	return after, strings.Join(answers, "; ")
}

func (p pair) String() string { return fmt.Sprintf("a %v, b %v", p[0], p[1]) }

func (v value) String() string {
	return [...]string{"nothing", v.text, "list [" + v.text + "]", "set {" + v.text + "}"}[v.kind]
}

var model = porcupine.Model{
	Init: func() any { return pair{} },
	Step: func(state, input, output any) (bool, any) {
		operation, outcome := input.(Operation), output.(Outcome)
		after, answer := state.(pair).do(&operation)
		return outcome.Unknown || answer == outcome.Answer, after
	},
	DescribeOperation: func(input, output any) string { return describe(input.(Operation), output.(Outcome)) },
	DescribeState:     func(state any) string { return state.(pair).String() },
}

func describe(operation Operation, outcome Outcome) string {
	if outcome.Unknown {
		return operation.String() + " -> ?"
	}
	return operation.String() + " -> " + outcome.Answer
}
