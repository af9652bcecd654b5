using System.CommandLine;
using System.Globalization;
using ClipTrain.Fuzz;

if (args is ["child", var childSeed, var first, var end])
{
    Child.Run(
        (ulong)long.Parse(childSeed, CultureInfo.InvariantCulture),
        long.Parse(first, CultureInfo.InvariantCulture),
        long.Parse(end, CultureInfo.InvariantCulture)
    );
    return 0;
}

var mutations = new Option<long>("--mutations") { Description = "Number of files to damage and read.", DefaultValueFactory = _ => 20_000 };
var seed = new Option<ulong>("--seed")
{
    Description = "Seed of the damage: the same seed gives the same files.",
    DefaultValueFactory = _ => 1,
};
var jobs = new Option<int>("--jobs")
{
    Description = "Number of processes at once.",
    DefaultValueFactory = _ => Environment.ProcessorCount,
};
var command = new RootCommand("Damage images and Parquet files and read them; fails on any crash, hang or leak.") { mutations, seed, jobs };
command.SetAction(parsed =>
{
    var report = FuzzRun.Run(parsed.GetValue(mutations), parsed.GetValue(seed), parsed.GetValue(jobs));
    report.Write(Console.Out);
    return report.Violations.Count == 0 ? 0 : 1;
});
return command.Parse(args).Invoke();
