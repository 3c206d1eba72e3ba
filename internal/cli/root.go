package cli

import (
	"github.com/spf13/cobra"
)

// newRoot builds the whole command tree: the table of contents of the program.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "stem",
		Short:         "Background jobs: run tasks, with retries, limits and dead letters, on a store you have",
		SilenceErrors: true, // report does it, in one way
		SilenceUsage:  true,
		Args:          noStrayArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return a.settle(c)
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupInspect, Title: "Inspect:"},
		&cobra.Group{ID: groupControl, Title: "Control:"},
		&cobra.Group{ID: groupSetup, Title: "Setup:"},
	)
	a.addGlobalFlags(root)

	in := func(group string, cs ...*cobra.Command) {
		for _, c := range cs {
			c.GroupID = group
		}
		root.AddCommand(cs...)
	}
	in(groupRun, newDemo(a), newUp(a), newWorker(a), newEnqueue(a), newBench(a))
	in(groupInspect, newTask(a), newQueue(a), newHealth(a))
	in(groupControl, newDLQ(a))
	in(groupSetup, newInit(a), newConfig(a), newVersion(a))
	root.AddCommand(newTasksAlias(a))
	root.AddCommand(helpTopics()...)
	root.SetCompletionCommandGroupID(groupSetup)
	root.SetHelpCommandGroupID(groupSetup)
	return root
}
