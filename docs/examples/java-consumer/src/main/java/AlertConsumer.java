import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints alerts as they come. Arguments: client properties, the schema file, the topic. */
public final class AlertConsumer {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (var file = Files.newBufferedReader(Path.of(arguments[0]))) {
            properties.load(file);
        }
        var reader = new GenericDatumReader<GenericRecord>(new Schema.Parser().parse(new File(arguments[1])));
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(arguments[2]));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    ByteBuffer head = ByteBuffer.wrap(record.value(), 0, 5);
                    if (head.get() != 0) {
                        continue; // not in Confluent's wire format
                    }
                    int schemaId = head.getInt(); // with several versions: look the writer's schema up by it
                    var body = DecoderFactory.get().binaryDecoder(record.value(), 5, record.value().length - 5, null);
                    GenericRecord alert = reader.read(null, body);
                    System.out.printf("schema %d: alert %s revision %s, entry %s, %s, respond %s, seen %s%n", schemaId,
                        alert.get("alert_id"), alert.get("revision"), alert.get("entry_id"), alert.get("category"),
                        alert.get("response"), alert.get("sightings"));
                }
            }
        }
    }
}
