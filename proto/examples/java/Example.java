import com.google.protobuf.ByteString;
import java.time.Duration;
import wascc.keyvalue.*;

class Example {
    public static void main(String[] arguments) throws Exception {
        String key = "greeting";
        var set = SetRequest.newBuilder().setKey(key);
        try (var kv = new Client()) {
            kv.call("Set", set.setValue(ByteString.copyFromUtf8("hello")).build(), SetResponse.parser());
            var got = kv.call("Get", GetRequest.newBuilder().setKey(key).build(), GetResponse.parser());
            System.out.println("Get: " + got.getValue().toStringUtf8());
            try {
                kv.call("Push", ListPushRequest.newBuilder().setKey(key).build(), ListResponse.parser());
            } catch (IllegalStateException refused) {
                System.out.println("Push: " + refused.getMessage());
            }
            var visit = IncrementRequest.newBuilder().setKey("visits").setDelta(1);
            var batch = BatchRequest.newBuilder().setAtomic(true);
            batch.addRequestsBuilder().setIncrement(visit);
            batch.addRequestsBuilder().setGet(GetRequest.newBuilder().setKey(key));
            var done = kv.call("Batch", batch.build(), BatchResponse.parser());
            var hello = done.getReplies(1).getGet().getValue().toStringUtf8();
            System.out.println("Batch: " + done.getReplies(0).getIncrement().getValue() + " " + hello);

            var inbox = kv.nats.createInbox();
            var told = kv.nats.subscribe(inbox);
            kv.nats.publish(kv.message("Watch", inbox, WatchRequest.newBuilder().setKey(key).setValues(true).build()));
            for (String value = ""; !value.equals("goodbye");) {
                var change = WatchResponse.parseFrom(told.nextMessage(Duration.ofSeconds(20)).getData());
                System.out.println("Watch: " + change.getEvent() + " " + (value = change.getValue().toStringUtf8()));
                if (change.getEvent().equals("sync"))
                    kv.call("Set", set.setValue(ByteString.copyFromUtf8("goodbye")).build(), SetResponse.parser());
            }
        }
    }
}
