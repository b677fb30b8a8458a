package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Operation is a request on one key, or a Batch over both keys of a pair.
type Operation struct {
	Name     string
	Key      int     // of the pair: 0 or 1
	Value    string  // that is set, pushed or added to a set
	Delta    int64   // of Add and Increment
	Expected *string // of CompareAndSet; none: the key must not exist
	FromEnd  bool    // of Pop
	Items    []Operation
}

// What came of an operation. An answer says all that the reply said, in one text, so that answers are compared as texts.
type Outcome struct {
	Answer  string
	Unknown bool // it may have been done, or be done later
}

const refused = "refused"

var members = map[string]string{
	"Get": "get", "Set": "set", "Del": "del", "Add": "add", "Push": "push", "Range": "range", "SetAdd": "set_add",
	"SetQuery": "set_query", "Increment": "increment", "CompareAndSet": "compare_and_set", "Pop": "pop",
}

// changes tells whether the operation can leave anything behind.
func (o *Operation) changes() bool {
	switch o.Name {
	case "Get", "Range", "SetQuery":
		return false
	case "Batch":
		return slices.ContainsFunc(o.Items, func(item Operation) bool { return item.changes() })
	}
	return true
}

func (o Operation) String() string {
	var text strings.Builder
	if o.Name == "Batch" {
		text.WriteString("Batch{")
		for i, item := range o.Items {
			if i > 0 {
				text.WriteString("; ")
			}
			text.WriteString(item.String())
		}
		return text.String() + "}"
	}
	fmt.Fprintf(&text, "%s %c", o.Name, 'a'+o.Key)
	switch o.Name {
	case "Set", "Push", "SetAdd":
		text.WriteString(" " + o.Value)
	case "CompareAndSet":
		expected := "nothing"
		if o.Expected != nil {
			expected = *o.Expected
		}
		text.WriteString(" from " + expected + " to " + o.Value)
	case "Add", "Increment":
		fmt.Fprintf(&text, " by %d", o.Delta)
	case "Pop":
		if o.FromEnd {
			text.WriteString(" last")
		}
	}
	return text.String()
}

// body is the request's fields.
func (o *Operation) body(keys [2]string) map[string]any {
	if o.Name == "Batch" {
		items := make([]any, len(o.Items))
		for i := range o.Items {
			items[i] = map[string]any{members[o.Items[i].Name]: o.Items[i].body(keys)}
		}
		return map[string]any{"atomic": true, "requests": items}
	}
	fields := map[string]any{"key": keys[o.Key]}
	switch o.Name {
	case "Set", "Push", "SetAdd":
		fields["value"] = o.Value
	case "CompareAndSet":
		fields["value"] = o.Value
		if o.Expected != nil {
			fields["expected"] = *o.Expected
		}
	case "Add":
		fields["value"] = o.Delta
	case "Increment":
		fields["delta"] = o.Delta
	case "Pop":
		fields["from_end"] = o.FromEnd
	case "Range":
		fields["start"], fields["stop"] = 0, -1
	}
	return fields
}

// The fields of all replies; a text and a number share the name `value`.
type reply struct {
	Value    json.RawMessage
	Exists   bool
	Values   []string
	Swapped  bool
	Current  string
	NewCount int `json:"new_count"`
	Applied  bool
	Replies  []map[string]json.RawMessage
}

func (r *reply) text() string {
	var text string
	if json.Unmarshal(r.Value, &text) != nil {
		return string(r.Value)
	}
	return text
}

// answer reads the reply of an operation that was not refused.
func (o *Operation) answer(data []byte) (string, error) {
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return "", fmt.Errorf("%s: %w in %q", o, err, data)
	}
	switch o.Name {
	case "Get":
		return answerScalar(r.Exists, r.text()), nil
	case "Set", "Add", "Increment":
		return r.text(), nil
	case "CompareAndSet":
		return answerCompare(r.Swapped, r.Exists, r.Current), nil
	case "Push", "SetAdd":
		return strconv.Itoa(r.NewCount), nil
	case "Pop":
		return answerPop(r.Exists, r.text(), r.NewCount), nil
	case "Range":
		return strings.Join(r.Values, ","), nil
	case "SetQuery":
		slices.Sort(r.Values)
		return strings.Join(r.Values, ","), nil
	case "Batch":
		return o.answerBatch(&r)
	}
	return "", nil
}

func (o *Operation) answerBatch(r *reply) (string, error) {
	if !r.Applied {
		return refused, nil
	}
	if len(r.Replies) != len(o.Items) {
		return "", fmt.Errorf("%s: %d replies", o, len(r.Replies))
	}
	answers := make([]string, len(o.Items))
	for i := range o.Items {
		body, there := r.Replies[i][members[o.Items[i].Name]]
		if !there {
			return "", fmt.Errorf("%s: reply %d is of another operation", o, i)
		}
		var err error
		if answers[i], err = o.Items[i].answer(body); err != nil {
			return "", err
		}
	}
	return strings.Join(answers, "; "), nil
}

func answerScalar(exists bool, text string) string {
	if !exists {
		return "nothing"
	}
	return text
}

func answerCompare(swapped, exists bool, current string) string {
	if swapped {
		return "swapped"
	}
	return "found " + answerScalar(exists, current)
}

func answerPop(exists bool, value string, left int) string {
	if !exists {
		return "nothing"
	}
	return fmt.Sprintf("%s, %d left", value, left)
}
