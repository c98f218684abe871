package main

import (
	"github.com/spf13/cobra"
)

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write the completion for a shell",
		Long: `Write the script that completes this program's commands, flags and containers in
a shell. Packages and make install put it where the shells look for it.`,
		Example:   `  source <(oci-sysctl-policy completion bash)`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(command *cobra.Command, args []string) error {
			root, w := command.Root(), command.OutOrStdout()
			var err error
			switch args[0] {
			case "bash":
				err = root.GenBashCompletionV2(w, true)
			case "zsh":
				err = root.GenZshCompletion(w)
			default:
				err = root.GenFishCompletion(w, true)
			}
			if err != nil {
				return exit(exitSystem, err)
			}
			return nil
		},
	}
}
