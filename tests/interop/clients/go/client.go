// Calls every operation through the types that protoc-gen-go makes of proto/keyvalue.proto and proto/core.proto.
// usage: client CHECKS, which is the file that ../run.sh writes
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"clients/core"
	"clients/keyvalue"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A Refusal is an error that the provider answered with.
type Refusal struct {
	Code int
	Text string
	Body []byte
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d: %s", r.Code, r.Text) }

// A Client sends requests in the name of one caller.
type Client struct {
	Subject   string
	Claims    string
	nats      *nats.Conn
	called    map[string]bool
	duplicate bool
}

func (c *Client) message(subject, id string, request proto.Message) *nats.Msg {
	message := nats.NewMsg(subject)
	if c.Claims != "" {
		message.Header.Set("Wascc-Claims", c.Claims)
	}
	if id != "" {
		message.Header.Set("Nats-Msg-Id", id)
	}
	message.Data, _ = proto.Marshal(request)
	return message
}

func (c *Client) ask(operation, id string, request, reply proto.Message) error {
	c.called[operation] = true
	message := c.message(c.Subject+"."+operation, id, request)
	answer, err := c.nats.RequestMsg(message, 10*time.Second)
	if err != nil {
		return err
	}
	if code := answer.Header.Get("Nats-Service-Error-Code"); code != "" {
		number, _ := strconv.Atoi(code)
		return &Refusal{number, answer.Header.Get("Nats-Service-Error"), answer.Data}
	}
	c.duplicate = answer.Header.Get("Wascc-Duplicate") == "true"
	return proto.Unmarshal(answer.Data, reply)
}

// call asks for the reply of that type, and panics where there is none: the check has failed.
func call[Reply any, Message interface {
	*Reply
	proto.Message
}](c *Client, operation string, request proto.Message) Message {
	reply := Message(new(Reply))
	must(c.ask(operation, "", request, reply))
	return reply
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Errorf("got %v\nwanted %v", got, wanted))
	}
}

type step struct {
	Call      string
	As        string
	ID        string
	With      json.RawMessage
	Gives     any
	Refused   int
	Says      string
	Duplicate bool
}

var services = []protoreflect.ServiceDescriptor{
	keyvalue.File_keyvalue_proto.Services().ByName("KeyValue"),
	core.File_core_proto.Services().ByName("Provider"),
}

func messageOf(descriptor protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	must(err)
	return kind.New().Interface()
}

func messagesOf(operation string) (request, reply proto.Message) {
	for _, service := range services {
		if method := service.Methods().ByName(protoreflect.Name(operation)); method != nil {
			return messageOf(method.Input()), messageOf(method.Output())
		}
	}
	panic("no operation " + operation)
}

func (s *step) take(clients map[string]*Client) {
	client := clients["actor"]
	if s.As != "" {
		client = clients[s.As]
	}
	request, reply := messagesOf(s.Call)
	must(protojson.Unmarshal(s.With, request))
	err := client.ask(s.Call, s.ID, request, reply)
	if s.Refused != 0 {
		s.isRefusal(err)
		return
	}
	must(err)
	if query, ok := reply.(*keyvalue.SetQueryResponse); ok {
		slices.SortFunc(query.Values, bytes.Compare)
	}
	text, err := protojson.Marshal(reply)
	must(err)
	var told any
	must(json.Unmarshal(text, &told))
	equal(told, s.Gives)
	equal(client.duplicate, s.Duplicate)
}

func (s *step) isRefusal(err error) {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		panic(fmt.Errorf("no refusal, but %v", err))
	}
	equal(refusal.Code, s.Refused)
	if !strings.HasPrefix(refusal.Text, s.Says) {
		equal(refusal.Text, s.Says)
	}
	equal(string(refusal.Body), fmt.Sprintf("Failed (%d): %s", refusal.Code, refusal.Text))
	if proto.Unmarshal(refusal.Body, &keyvalue.GetResponse{}) == nil {
		panic("a reader takes the error for a message")
	}
}

func valuesAreBytes(kv *Client) {
	value := []byte{0, 255, 128, 10}
	call[keyvalue.SetResponse](kv, "Set", &keyvalue.SetRequest{Key: "bytes", Value: value})
	reply := call[keyvalue.GetResponse](kv, "Get", &keyvalue.GetRequest{Key: "bytes"})
	equal(reply.Value, value)
	equal(reply.Exists, true)
}

func timeToLive(kv *Client) {
	call[keyvalue.SetResponse](kv, "Set", &keyvalue.SetRequest{Key: "short", Value: []byte("x"), ExpiresMs: 60000})
	reply := call[keyvalue.TimeToLiveResponse](kv, "TimeToLive", &keyvalue.TimeToLiveRequest{Key: "short"})
	if !reply.Exists || reply.ExpiresInMs <= 0 || reply.ExpiresInMs > 60000 {
		panic(reply)
	}
}

func pages(kv *Client) {
	members := []string{"a", "b", "c", "d", "e"}
	var wanted, keys, values []string
	for _, member := range members {
		wanted = append(wanted, "page/"+member)
		call[keyvalue.SetResponse](kv, "Set", &keyvalue.SetRequest{Key: "page/" + member, Value: []byte(member)})
		call[keyvalue.SetOperationResponse](kv, "SetAdd", &keyvalue.SetAddRequest{Key: "paged", Value: []byte(member)})
	}
	for cursor, first := "", true; first || cursor != ""; first = false {
		request := &keyvalue.ListKeysRequest{Prefix: "page/", Limit: 2, Cursor: cursor}
		page := call[keyvalue.ListKeysResponse](kv, "ListKeys", request)
		keys, cursor = append(keys, page.Keys...), page.Cursor
	}
	for cursor, first := "", true; first || cursor != ""; first = false {
		request := &keyvalue.SetQueryRequest{Key: "paged", Limit: 2, Cursor: cursor}
		page := call[keyvalue.SetQueryResponse](kv, "SetQuery", request)
		for _, value := range page.Values {
			values = append(values, string(value))
		}
		cursor = page.Cursor
	}
	slices.Sort(keys)
	slices.Sort(values)
	equal(keys, wanted)
	equal(values, members)
}

func tooManyItems(kv *Client) {
	item := &keyvalue.BatchRequest_Item{Operation: &keyvalue.BatchRequest_Item_Get{Get: &keyvalue.GetRequest{Key: "bytes"}}}
	request := &keyvalue.BatchRequest{Requests: slices.Repeat([]*keyvalue.BatchRequest_Item{item}, 4096)}
	equal(len(call[keyvalue.BatchResponse](kv, "Batch", request).Replies), 4096)
	request.Requests = append(request.Requests, item)
	(&step{Refused: 413}).isRefusal(kv.ask("Batch", "", request, &keyvalue.BatchResponse{}))
}

func watch(kv *Client) {
	inbox := nats.NewInbox()
	events, err := kv.nats.SubscribeSync(inbox)
	must(err)
	ask := func(subject string, leaseMs uint32) {
		message := kv.message(subject, "", &keyvalue.WatchRequest{Key: "watched", Values: true, LeaseMs: leaseMs})
		message.Reply = inbox
		must(kv.nats.PublishMsg(message))
	}
	next := func(event, value string, number uint64) *keyvalue.WatchResponse {
		message, err := events.NextMsg(10 * time.Second)
		must(err)
		told := &keyvalue.WatchResponse{}
		must(proto.Unmarshal(message.Data, told))
		equal([]any{told.Event, string(told.Value), told.Number}, []any{event, value, number})
		return told
	}
	call[keyvalue.SetResponse](kv, "Set", &keyvalue.SetRequest{Key: "watched", Value: []byte("old")})
	ask(kv.Subject+".Watch", 0)
	equal(next("put", "old", 1).Key, "watched")
	renew := next("sync", "", 2).Renew
	call[keyvalue.SetResponse](kv, "Set", &keyvalue.SetRequest{Key: "watched", Value: []byte("new")})
	call[keyvalue.DelResponse](kv, "Del", &keyvalue.DelRequest{Key: "watched"})
	next("put", "new", 3)
	next("delete", "", 4)
	ask(renew, 1)
	next("end", "", 5)
}

func capabilityDescriptor(host *Client) {
	descriptor := call[core.CapabilityDescriptor](host, "GetCapabilityDescriptor", &core.Empty{})
	equal(descriptor.Id, "wascc:keyvalue")
	directions := map[string]core.OperationDirection{}
	for _, operation := range descriptor.SupportedOperations {
		directions[operation.Name] = operation.Direction
	}
	equal(directions["Batch"], core.OperationDirection_to_provider)
}

func everyOperation(called map[string]bool) {
	for _, service := range services {
		for i := 0; i < service.Methods().Len(); i++ {
			if name := string(service.Methods().Get(i).Name()); !called[name] {
				panic(name)
			}
		}
	}
}

var failed = 0

func check(what string, test func()) {
	defer func() {
		if err := recover(); err != nil {
			failed = 1
			fmt.Printf("not ok go: %s\n%v\n", what, err)
		}
	}()
	test()
	fmt.Printf("ok go: %s\n", what)
}

func takeSteps(clients map[string]*Client, steps []json.RawMessage) {
	for _, text := range steps {
		func() {
			defer func() {
				if err := recover(); err != nil {
					panic(fmt.Errorf("%s\n%v", text, err))
				}
			}()
			var one step
			must(json.Unmarshal(text, &one))
			one.take(clients)
		}()
	}
}

func main() {
	var told struct {
		Server  string
		Callers map[string]*Client
		Checks  []struct {
			What  string
			Steps []json.RawMessage
		}
	}
	text, err := os.ReadFile(os.Args[1])
	must(err)
	must(json.Unmarshal(text, &told))
	connection, err := nats.Connect(told.Server)
	must(err)
	called := map[string]bool{}
	for _, client := range told.Callers {
		client.nats, client.called = connection, called
	}
	for _, one := range told.Checks {
		check(one.What, func() { takeSteps(told.Callers, one.Steps) })
	}
	kv := told.Callers["actor"]
	check("values are bytes", func() { valuesAreBytes(kv) })
	check("a time to live", func() { timeToLive(kv) })
	check("keys and members page by page", func() { pages(kv) })
	check("a Batch of too many items", func() { tooManyItems(kv) })
	check("Watch", func() { watch(kv) })
	check("GetCapabilityDescriptor", func() { capabilityDescriptor(told.Callers["host"]) })
	check("every operation was called", func() { everyOperation(called) })
	connection.Close()
	os.Exit(failed)
}
