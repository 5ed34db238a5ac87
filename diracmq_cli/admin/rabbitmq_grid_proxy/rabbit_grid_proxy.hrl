%% The certificate records of OTP's public_key.hrl, in the same layout. Debian ships that header only in
%% erlang-dev, and the plugin is built with what erlang-base and rabbitmq-server bring.
-record('OTPCertificate', {tbsCertificate, signatureAlgorithm, signature}).
-record('OTPTBSCertificate', {version, serialNumber, signature, issuer, validity, subject,
                              subjectPublicKeyInfo, issuerUniqueID, subjectUniqueID, extensions}).
-record('CertificateList', {tbsCertList, signatureAlgorithm, signature}).
-record('TBSCertList', {version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates, crlExtensions}).
-record('Extension', {extnID, critical, extnValue}).
-record('BasicConstraints', {cA, pathLenConstraint}).
-record('AttributeTypeAndValue', {type, value}).

%% What the path to a leaf certificate said: the end entity's DN, end_entity | proxy | limited_proxy, the number of
%% proxies, and the earliest notAfter (seconds since 1970).
-record(session, {dn, kind, depth, until}).
