// NATS_URL, WASCC_KEYVALUE_ACTOR (M...) and WASCC_KEYVALUE_CLAIMS (a file) say where and as whom.
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

class Client implements AutoCloseable {
    final Connection nats = Nats.connect(System.getenv("NATS_URL"));
    final String base = "wasmbus.provider.wascc.keyvalue.default." + System.getenv("WASCC_KEYVALUE_ACTOR") + ".";
    final String claims = Files.readString(Path.of(System.getenv("WASCC_KEYVALUE_CLAIMS"))).trim();

    Client() throws Exception {}

    NatsMessage message(String operation, String reply, MessageLite request) {
        return new NatsMessage(base + operation, reply, new Headers().put("Wascc-Claims", claims), request.toByteArray());
    }

    <T> T call(String operation, MessageLite request, Parser<T> replies) throws Exception {
        var answer = nats.request(message(operation, null, request), Duration.ofSeconds(2));
        if (answer == null) throw new IllegalStateException("no answer");
        var told = answer.getHeaders();
        if (told != null && told.containsKey("Nats-Service-Error-Code"))
            throw new IllegalStateException(told.getFirst("Nats-Service-Error-Code") + " " + told.getFirst("Nats-Service-Error"));
        return replies.parseFrom(answer.getData());
    }

    public void close() throws InterruptedException {
        nats.close();
    }
}
