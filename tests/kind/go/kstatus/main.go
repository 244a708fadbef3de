// Prints what kstatus says of each object on standard input, one JSON document a line: by Flux's fork, which
// Helm uses, and by cli-utils itself.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	cliutils "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			log.Fatal(err)
		}
		byFlux, err := flux.Compute(object)
		if err != nil {
			log.Fatal(err)
		}
		byCliUtils, err := cliutils.Compute(object)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(byFlux.Status, byCliUtils.Status)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
