using System.CommandLine;
using System.Globalization;
using ClipTrain.Bench.Beside;

// Trains a small run with one thread, with and without evaluations of its checkpoints beside it, in turns, and prints the ratio of
// their throughput. Needs a second core that is idle.
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
var turns = new Option<int>("--turns") { DefaultValueFactory = _ => 3, Description = "Runs of each kind." };
var root = new RootCommand("Measure the throughput of training beside evaluations of its checkpoints.") { corpus, program, turns };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-beside-").FullName;
    try
    {
        var run = new TimedRun(parsed.GetRequiredValue(program), Path.GetFullPath(parsed.GetRequiredValue(corpus)), folder);
        List<double> alone = [],
            beside = [],
            shares = [];
        for (var turn = 1; turn <= parsed.GetRequiredValue(turns); turn++)
        {
            alone.Add(run.Train($"alone-{turn}", evaluates: false).ImagesPerSecond);
            var evaluated = run.Train($"beside-{turn}", evaluates: true);
            beside.Add(evaluated.ImagesPerSecond);
            shares.Add(evaluated.EvaluationShare);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"turn {turn}: {alone[^1]:f1} images/s alone, {beside[^1]:f1} while evaluations ran {shares[^1]:p0} of the time"
                )
            );
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio of the medians: {Median(beside) / Median(alone):f3}"));
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
});
return root.Parse(args).Invoke();

static double Median(List<double> values)
{
    values.Sort();
    return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
}
