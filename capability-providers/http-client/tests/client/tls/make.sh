#!/bin/sh
# Makes the certificates of the TLS tests: an authority that nobody trusts by itself, and a server `localhost` under it.
set -eu
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=Lattice test authority" \
    -addext "basicConstraints=critical,CA:true" -keyout authority.key -out authority.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout localhost.key -out localhost.csr
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:false\nextendedKeyUsage=serverAuth\n' > localhost.ext
openssl x509 -req -in localhost.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 36500 \
    -extfile localhost.ext -out localhost.pem
rm authority.key authority.srl localhost.csr localhost.ext
