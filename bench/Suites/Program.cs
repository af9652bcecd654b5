using System.CommandLine;
using ClipTrain.Bench.Suites;

// One evaluation of many sets against one evaluation of each, all with cliptrain eval:
//   dotnet run -c Release --project bench/Suites -- MODEL [--images 10000] [--sets 10]
//   zero-shot   the sets are different images
//   shared      the sets are the same images under other prompts
//   probe       the sets are different images with the same training images
var model = new Argument<string>("MODEL") { Description = "A model, in any form that eval accepts." };
var data = new Option<string>("--data")
{
    DefaultValueFactory = _ => "corpora/labelled/fashion-mnist-train.parquet",
    Description = "Labelled images (cliptrain data demo --labelled), of which sets are made; they overlap if there are too few.",
};
var images = new Option<int>("--images") { DefaultValueFactory = _ => 10_000, Description = "Images of a set." };
var sets = new Option<int>("--sets") { DefaultValueFactory = _ => 10, Description = "Number of sets." };
var program = new Option<string>("--cliptrain") { DefaultValueFactory = _ => "./cliptrain", Description = "Path of cliptrain." };
var root = new RootCommand("Time one evaluation of many sets against many evaluations of one.") { model, data, images, sets, program };
root.SetAction(parsed =>
{
    var folder = Directory.CreateTempSubdirectory("cliptrain-suites-").FullName;
    try
    {
        var files = SetFiles.Write(parsed.GetRequiredValue(data), folder, parsed.GetRequiredValue(sets), parsed.GetRequiredValue(images));
        var trial = new Trial(parsed.GetRequiredValue(program), parsed.GetRequiredValue(model), folder);
        Console.WriteLine($"{Cell.Left("sets", 12)} {Cell.Right("together", 20)} {Cell.Right("one by one", 20)} {Cell.Right("ratio", 14)}");
        Console.WriteLine(
            $"{Cell.Left("", 12)} {Cell.Right("wall s, CPU s", 20)} {Cell.Right("wall s, CPU s", 20)} {Cell.Right("wall, CPU", 14)}"
        );
        foreach (
            var (name, described) in new (string, List<object>)[]
            {
                ("zero-shot", [.. files.Select((file, i) => Set(i, file, null))]),
                ("shared", [.. files.Select((_, i) => Set(i, files[0], null))]),
                ("probe", [.. files.Skip(1).Select((file, i) => Set(i, file, files[0]))]),
            }
        )
        {
            var (together, alone) = (trial.Together(described), trial.OneByOne(described));
            Console.WriteLine(
                $"{Cell.Left(name, 12)} {Cell.Right($"{together.Wall:0.0}, {together.Cpu:0.0}", 20)} "
                    + $"{Cell.Right($"{alone.Wall:0.0}, {alone.Cpu:0.0}", 20)} "
                    + $"{Cell.Right($"{together.Wall / alone.Wall:0.00}, {together.Cpu / alone.Cpu:0.00}", 14)}"
            );
        }

        return 0;
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }

    static object Set(int number, string file, string? train) =>
        new
        {
            name = $"set-{number}",
            data = new[] { file },
            train = train is null ? Array.Empty<string>() : [train],
            tasks = new[] { train is null ? "zero_shot" : "probe" },
            templates = new[] { $"photo {number} of a {{}}." },
        };
});
return root.Parse(args).Invoke();
