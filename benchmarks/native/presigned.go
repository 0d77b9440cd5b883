// The neighbour in Go: net/http, and every answer in a map under its whole request.
//
// Arguments: a file of records, each two lengths of four octets (big-endian) with request and answer behind.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	octets, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	answers := map[string][]byte{}
	for len(octets) >= 8 {
		asked := int(binary.BigEndian.Uint32(octets))
		answered := int(binary.BigEndian.Uint32(octets[4:]))
		octets = octets[8:]
		answers[string(octets[:asked])] = octets[asked : asked+answered]
		octets = octets[asked+answered:]
	}
	http.HandleFunc("/ocsp", func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, 16384))
		answer, found := answers[string(body)]
		if err != nil || !found {
			http.Error(writer, "not here", http.StatusNotFound)
			return
		}
		writer.Header().Set("Content-Type", "application/ocsp-response")
		writer.Write(answer)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, nil))
}
