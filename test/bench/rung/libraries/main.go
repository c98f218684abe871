// Command libraries links the libraries that the hook links, and does nothing:
// no hook that logs with logrus, takes TOML and bounds by regular expressions,
// and reads JSON can start faster.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

func main() {
	if unix.Getpid() != 0 {
		return
	}
	var parser unstable.Parser
	parser.NextExpression()
	token, _ := jsontext.NewDecoder(os.Stdin).ReadToken()
	line, _ := logrus.NewEntry(logrus.New()).Bytes()
	flag.Parse()
	fmt.Println(specs.Version, token, line, regexp.MustCompile(flag.Arg(0)).MatchString(""))
}
