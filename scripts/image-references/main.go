// Says of each image reference whether it is one: strings in JSON, one a line, come in, and true or false go out.
//
// What it asks is what kubelets ask before they pull an image.
package main

import (
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/distribution/reference"
)

func main() {
	input, output := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var text string
		if err := input.Decode(&text); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		_, err := reference.ParseNormalizedNamed(text)
		if err := output.Encode(err == nil); err != nil {
			panic(err)
		}
	}
}
