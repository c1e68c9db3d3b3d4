import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What tests need of Kafka's own Java client.
 *
 * <p>{@code produce BOOTSTRAP TOPIC}: send each line of standard input, "codec TAB key TAB value", compressed.
 *
 * <p>{@code allow BOOTSTRAP USER}: grant each line of standard input, "TYPE PATTERN NAME OPERATION".
 */
public class Clients {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[1]);
        List<String> lines = lines();
        if (arguments[0].equals("produce")) {
            produce(settings, arguments[2], lines);
        } else {
            allow(settings, arguments[2], lines);
        }
    }

    private static void produce(Properties settings, String topic, List<String> lines) {
        settings.put("linger.ms", "200");
        settings.put("batch.size", "65536");
        StringSerializer text = new StringSerializer();
        Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
        for (String line : lines) {
            String[] parts = line.split("\t", 3);
            settings.put("compression.type", parts[0]);
            producers
                    .computeIfAbsent(parts[0], codec -> new KafkaProducer<>(settings, text, text))
                    .send(new ProducerRecord<>(topic, parts[1], parts[2]));
        }
        producers.values().forEach(KafkaProducer::close);
    }

    private static void allow(Properties settings, String user, List<String> lines) throws Exception {
        List<AclBinding> granted = new ArrayList<>();
        for (String line : lines) {
            String[] parts = line.split(" ");
            granted.add(
                    new AclBinding(
                            new ResourcePattern(
                                    ResourceType.valueOf(parts[0]), parts[2], PatternType.valueOf(parts[1])),
                            new AccessControlEntry(
                                    "User:" + user, "*", AclOperation.valueOf(parts[3]), AclPermissionType.ALLOW)));
        }
        try (Admin admin = Admin.create(settings)) {
            admin.createAcls(granted).all().get();
        }
    }

    private static List<String> lines() throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<String> lines = new ArrayList<>();
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            if (!line.isBlank()) {
                lines.add(line);
            }
        }
        return lines;
    }
}
