package client_test

import (
	"fmt"
	"net/http"
	"os"

	"writ/client"
)

// A program that keeps its customers' files on somebody else's server gives the
// transport to its S3 client, and none of them goes to a server that does not
// verify.
func Example() {
	logKey, err := os.ReadFile("quayside.vkey") // came by another way than the server
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := os.ReadFile("quayside.policy")
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := client.New(client.Pins{
		Site: "https://quayside.example:9444", LogKey: string(logKey), Policy: string(policy), State: "quayside.state",
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	// minio-go: minio.Options{Transport: transport}; aws-sdk-go-v2: an HTTP
	// client as here.
	_ = &http.Client{Transport: transport}
}
