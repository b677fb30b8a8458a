package main

import (
	"example/keyvalue"
	"fmt"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
)

func main() {
	key, hello, goodbye := "greeting", []byte("hello"), []byte("goodbye")
	must(call("Set", &keyvalue.SetRequest{Key: key, Value: hello}, &keyvalue.SetResponse{}))
	got := must(call("Get", &keyvalue.GetRequest{Key: key}, &keyvalue.GetResponse{}))
	fmt.Println("Get:", string(got.Value))
	_, refused := call("Push", &keyvalue.ListPushRequest{Key: key, Value: hello}, &keyvalue.ListResponse{})
	fmt.Println("Push:", refused)

	visit := &keyvalue.BatchRequest_Item_Increment{Increment: &keyvalue.IncrementRequest{Key: "visits", Delta: 1}}
	get := &keyvalue.BatchRequest_Item_Get{Get: &keyvalue.GetRequest{Key: key}}
	batch := &keyvalue.BatchRequest{Atomic: true, Requests: []*keyvalue.BatchRequest_Item{{Operation: visit}, {Operation: get}}}
	done := must(call("Batch", batch, &keyvalue.BatchResponse{})).Replies
	fmt.Println("Batch:", done[0].GetIncrement().Value, string(done[1].GetGet().Value))

	watch := message("Watch", &keyvalue.WatchRequest{Key: key, Values: true})
	watch.Reply = nats.NewInbox()
	told := must(connection.SubscribeSync(watch.Reply))
	must(0, connection.PublishMsg(watch))
	for change := (&keyvalue.WatchResponse{}); string(change.Value) != "goodbye"; {
		must(0, proto.Unmarshal(must(told.NextMsg(nats.DefaultTimeout*10)).Data, change))
		fmt.Println("Watch:", change.Event, string(change.Value))
		if change.Event == "sync" {
			must(call("Set", &keyvalue.SetRequest{Key: key, Value: goodbye}, &keyvalue.SetResponse{}))
		}
	}
}
