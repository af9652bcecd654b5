using System.CommandLine;
using ClipTrain.Attacks;

if (args is ["victim", var kind, var folder])
{
    return Victim.Run(Enum.Parse<Deed>(kind), folder);
}

var count = new Option<int>("--count") { Description = "Kills", DefaultValueFactory = _ => 200 };
var seed = new Option<int>("--seed") { Description = "At which system calls: the same seed draws the same", DefaultValueFactory = _ => 1 };
var kills = new Command(
    "kills",
    "Kills a process at random system calls while it writes a checkpoint, writes one anew or makes a run; the next must go on from the "
        + "newest whole state."
)
{
    count,
    seed,
};
kills.SetAction(parsed => KillRun.Run(parsed.GetValue(count), parsed.GetValue(seed), Console.Out));

var program = new Option<string>("--program") { Description = "The published program's cliptrain.dll", Required = true };
var files = new Command(
    "files",
    "Gives the program hostile files; each must be refused or counted by name within 10 s of processor time and 2 GB."
)
{
    program,
};
files.SetAction(parsed => FileRun.Run(parsed.GetValue(program)!, Console.Out));

return new RootCommand("Attacks that must leave nothing lost, hung or unexplained.") { kills, files }
    .Parse(args)
    .Invoke();
