using System.CommandLine;
using ClipTrain.Bench.Verdicts;

// Trains runs that are made slow on purpose, and prints whether the verdict names the cause.
var corpus = new Option<string>("--corpus")
{
    DefaultValueFactory = _ => "corpora/demo",
    Description = "Folder of the demo corpus (cliptrain data demo).",
};
var program = new Option<string>("--program")
{
    DefaultValueFactory = _ => "src/Cli/bin/Release/net10.0/cliptrain.dll",
    Description = "The program that trains.",
};
var only = new Option<string>("--only") { DefaultValueFactory = _ => "", Description = "Run only the causes whose words contain this." };
var root = new RootCommand("Measure which causes of slowness the verdict names. Needs strace.") { corpus, program, only };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-verdicts-").FullName;
    try
    {
        var demo = Path.GetFullPath(parsed.GetRequiredValue(corpus));
        var train = Path.Combine(demo, "train.parquet");
        var slow = new SlowRun(parsed.GetRequiredValue(program), demo, folder);
        var (named, all) = (0, 0);
        foreach (
            var slowdown in Slowdown.All(train, new Corpora(train, folder)).Where(one => one.Cause.Contains(parsed.GetRequiredValue(only)))
        )
        {
            var verdict = slow.Verdict(slowdown);
            var isNamed = verdict?.Bound == slowdown.Expected;
            (named, all) = (named + (isNamed ? 1 : 0), all + 1);
            Console.WriteLine($"{Cell.Left(slowdown.Cause, 40)} {(isNamed ? "named " : "missed")} {verdict?.Text ?? "no verdict"}");
        }

        Console.WriteLine($"{named} of {all} named");
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
});
return root.Parse(args).Invoke();
