using System.CommandLine;
using ClipTrain.Attacks;

if (args is ["victim", var kind, var folder])
{
    return Victim.Run(Enum.Parse<Deed>(kind), folder);
}

var count = new Option<int>("--count") { Description = "Number of kills.", DefaultValueFactory = _ => 200 };
var seed = new Option<int>("--seed")
{
    Description = "Seed of the system calls at which to kill: the same seed draws the same.",
    DefaultValueFactory = _ => 1,
};
var kills = new Command(
    "kills",
    "Kill a process at random system calls while it writes a checkpoint, rewrites one or creates a run; the next process must continue "
        + "from the newest complete state."
)
{
    count,
    seed,
};
kills.SetAction(parsed => KillRun.Run(parsed.GetValue(count), parsed.GetValue(seed), Console.Out));

var program = new Option<string>("--program") { Description = "Path of the published program, cliptrain.dll.", Required = true };
var files = new Command(
    "files",
    "Give the program hostile files; each must be rejected or counted by name within 10 s of CPU time and 2 GB."
)
{
    program,
};
files.SetAction(parsed => FileRun.Run(parsed.GetValue(program)!, Console.Out));

return new RootCommand("Attacks that must not lose data, hang or end without an explanation.") { kills, files }
    .Parse(args)
    .Invoke();
