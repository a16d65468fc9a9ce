# Certificates and kubeconfigs of the cluster, made anew for each. Sourced by up.sh; works in the current folder.
# shellcheck shell=bash

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

authority() { # name
  new_key "$1.key"
  openssl req -x509 -new -key "$1.key" -days 365 -subj "/CN=$1" -out "$1.crt"
}

certificate() { # name, subject, alternative names, authority
  new_key "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -days 365 -in "$1.csr" -CA "$4.crt" -CAkey "$4.key" -CAcreateserial -out "$1.crt" 2>/dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3")
  rm "$1.csr"
}

kubeconfig() { # name of a certificate, file to write
  cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: $NAME
contexts: [{name: $NAME, context: {cluster: $NAME, user: $1}}]
clusters: [{name: $NAME, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
YAML
  chmod 600 "$2"
}

make_certificates() {
  umask 077
  authority ca
  authority front-ca
  new_key service-accounts.key
  openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
  local names=DNS:localhost
  for name in kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do names+=,DNS:$name; done
  certificate apiserver /CN=kube-apiserver "$names,IP:127.0.0.1,IP:$NODE_IP,IP:$API_IP" ca
  certificate admin /O=system:masters/CN=admin DNS:admin ca
  certificate controllers /CN=system:kube-controller-manager DNS:controllers ca
  certificate scheduler /CN=system:kube-scheduler DNS:scheduler ca
  certificate proxy /CN=system:kube-proxy DNS:proxy ca
  certificate node "/O=system:nodes/CN=system:node:$NAME" "DNS:$NAME,IP:$NODE_IP" ca
  certificate aggregator /CN=front-proxy-client DNS:aggregator front-ca
  for name in controllers scheduler proxy node; do kubeconfig $name $name.conf; done
  kubeconfig admin "$KUBECONFIG_FILE"
  umask 022
}
