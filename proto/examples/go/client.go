// NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom.
package main

import (
	"fmt"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"os"
	"strings"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var connection = must(nats.Connect(os.Getenv("NATS_URL")))
var claims = strings.TrimSpace(string(must(os.ReadFile(os.Getenv("WASCC_KEYVALUE_CLAIMS")))))

func message(operation string, request proto.Message) *nats.Msg {
	made := nats.NewMsg("wasmbus.provider.wascc.keyvalue.default." + os.Getenv("WASCC_KEYVALUE_ACTOR") + "." + operation)
	made.Header.Set("Wascc-Claims", claims)
	made.Data = must(proto.Marshal(request))
	return made
}

func call[Reply proto.Message](operation string, request proto.Message, reply Reply) (Reply, error) {
	answer, err := connection.RequestMsg(message(operation, request), 2*time.Second)
	if err != nil {
		return reply, err
	}
	if code := answer.Header.Get("Nats-Service-Error-Code"); code != "" {
		return reply, fmt.Errorf("%s %s", code, answer.Header.Get("Nats-Service-Error"))
	}
	return reply, proto.Unmarshal(answer.Data, reply)
}
