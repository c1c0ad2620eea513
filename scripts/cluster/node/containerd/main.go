// runc for a machine whose memory cgroups belong to somebody else: what a bundle says of memory is taken out of it before
// the real runc, which SP_NODE_RUNC names, creates the container. Nothing is limited then, and nothing killed for it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if slices.Contains(os.Args[1:], "create") {
		if err := forgetMemory(filepath.Join(bundle(os.Args[1:]), "config.json")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	runc := os.Getenv("SP_NODE_RUNC")
	err := syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	fmt.Fprintf(os.Stderr, "SP_NODE_RUNC=%q cannot be run: %v\n", runc, err)
	os.Exit(1)
}

// bundle is the folder that --bundle names, as runc has it: the current one where it is not given.
func bundle(arguments []string) string {
	for index, argument := range arguments {
		if value, found := strings.CutPrefix(argument, "--bundle="); found {
			return value
		}
		if (argument == "--bundle" || argument == "-b") && index+1 < len(arguments) {
			return arguments[index+1]
		}
	}
	return "."
}

func forgetMemory(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var specification map[string]any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err := decoder.Decode(&specification); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	linux, _ := specification["linux"].(map[string]any)
	resources, _ := linux["resources"].(map[string]any)
	for _, name := range []string{"memory", "hugepageLimits", "unified"} {
		delete(resources, name)
	}
	content, err = json.Marshal(specification)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}
