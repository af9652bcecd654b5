using System.CommandLine;
using ClipTrain.Cli.DataTools;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data view CORPUS… [--sample N] [--crops K] [--out FILE]</c></summary>
public static class ViewCommand
{
    private const int DefaultSamples = 24,
        DefaultCrops = 4,
        MaxCrops = 100;

    public static Command Create()
    {
        var arguments = new InspectArguments("Number of random samples to show.", DefaultSamples);
        var crops = new Option<int>("--crops")
        {
            Description = "Augmented images per sample, one per epoch.",
            DefaultValueFactory = _ => DefaultCrops,
        };
        var output = new Option<string>("--out", "-o") { Description = "Output HTML page.", DefaultValueFactory = _ => "data-view.html" };
        var command = arguments.AddTo(
            new Command("view", "Write a contact sheet of samples with original, augmented images, caption and tokens.") { crops, output }
        );
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "Nothing was written.",
                cancellation => Run(arguments, parsed, parsed.GetValue(crops), parsed.GetRequiredValue(output), cancellation)
            )
        );
        return command;
    }

    private static int Run(InspectArguments arguments, ParseResult parsed, int crops, string output, CancellationToken cancellation)
    {
        if (crops is < 0 or > MaxCrops)
        {
            throw new UsageException($"--crops is {crops}; it must be from 0 to {MaxCrops}");
        }

        var (input, choice) = arguments.Read(parsed);
        var viewer = new SampleViewer(input.Tokenizer, new TokenDecoder(input.Merges), input.Augmentation, input.Seed, crops);
        var samples = ImportView.Show(
            "rendering",
            show =>
            {
                var drawn = new List<SampleView>();
                foreach (var sample in viewer.Draw(input.Manifest, choice, cancellation))
                {
                    drawn.Add(sample);
                    show(new ImportFigures(drawn.Count, 0, (double)drawn.Count / choice.Count));
                }

                return drawn;
            }
        );
        ViewPage.Write(
            output,
            samples,
            $"{samples.Count} of {Readable.Count(input.Manifest.SampleCount)} samples, drawn with seed {input.Seed}; each original is "
                + $"followed by its augmented images of the first epochs at {input.Augmentation.Size} px"
        );
        Console.WriteLine($"{samples.Count} samples are in {output}.");
        return ExitCodes.Ok;
    }
}
