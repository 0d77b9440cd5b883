// Java's own revocation checking: a line in (trust, nonce in hex or -, ca, leaf, responder), a line out.
// Run as it stands: java PkixStatus.java (JEP 330).

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.Extension;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

public class PkixStatus {
    private static final CertificateFactory FACTORY;

    static {
        try {
            FACTORY = CertificateFactory.getInstance("X.509");
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            System.out.println(status(words[0], words[1], read(words[2]), read(words[3]), read(words[4])));
        }
    }

    private static String status(
            String trust, String nonce, X509Certificate ca, X509Certificate leaf, X509Certificate responder)
            throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        // OCSP alone, and it must succeed.
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
        if (trust.equals("local")) {
            checker.setOcspResponderCert(responder);
        }
        if (!nonce.equals("-")) {
            checker.setOcspExtensions(List.of(new Nonce(HexFormat.of().parseHex(nonce))));
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(FACTORY.generateCertPath(List.of(leaf)), parameters);
            return "good";
        } catch (CertPathValidatorException error) {
            if (error.getCause() instanceof CertificateRevokedException revoked) {
                return "revoked " + revoked.getRevocationReason();
            }
            return error.getReason() + " " + error.getMessage();
        }
    }

    private static X509Certificate read(String path) throws Exception {
        try (InputStream file = new FileInputStream(path)) {
            return (X509Certificate) FACTORY.generateCertificate(file);
        }
    }

    /** RFC 9654: the value is the OCTET STRING with the nonce, and stands in an OCTET STRING itself. */
    private record Nonce(byte[] octets) implements Extension {
        @Override
        public String getId() {
            return "1.3.6.1.5.5.7.48.1.2";
        }

        @Override
        public boolean isCritical() {
            return false;
        }

        @Override
        public byte[] getValue() {
            return element(0x04, octets);
        }

        @Override
        public void encode(OutputStream out) throws IOException {
            byte[] id = element(0x06, HexFormat.of().parseHex("2b0601050507300102"));
            byte[] value = element(0x04, getValue());
            byte[] both = Arrays.copyOf(id, id.length + value.length);
            System.arraycopy(value, 0, both, id.length, value.length);
            out.write(element(0x30, both));
        }

        /** DER with a length below 128. */
        private static byte[] element(int tag, byte[] content) {
            byte[] made = new byte[content.length + 2];
            made[0] = (byte) tag;
            made[1] = (byte) content.length;
            System.arraycopy(content, 0, made, 2, content.length);
            return made;
        }
    }
}
