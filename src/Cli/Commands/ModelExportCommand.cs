using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Interop;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain export SOURCE --format open-clip|hugging-face|cliptrain -o DIR [--precision P] [--model NAME]</c></summary>
public static class ModelExportCommand
{
    private static readonly Dictionary<string, ExportFormat> s_formats = new(StringComparer.Ordinal)
    {
        ["open-clip"] = ExportFormat.OpenClip,
        ["hugging-face"] = ExportFormat.HuggingFace,
        ["cliptrain"] = ExportFormat.Cliptrain,
    };

    private static readonly Dictionary<string, NumberType> s_precisions = new(StringComparer.Ordinal)
    {
        ["fp32"] = NumberType.Float32,
        ["fp16"] = NumberType.Float16,
        ["bf16"] = NumberType.BFloat16,
    };

    /// <summary>The option that names the model of a file of weights.</summary>
    public static Option<string?> Model() =>
        new("--model")
        {
            Description = "With a file of weights: its model, a name from configs/models, a model file, or one of open_clip's .json.",
        };

    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "A run or checkpoint, a folder of open_clip, Hugging Face or cliptrain export, or a file of weights.",
        };
        var format = new Option<string>("--format") { Description = "Whose folder to write.", Required = true }.AcceptOnlyFromAmong([
            .. s_formats.Keys,
        ]);
        var output = new Option<string>("--output", "-o") { Description = "Folder to write; must not exist.", Required = true };
        var precision = new Option<string>("--precision")
        {
            Description = "Type of the weights that are written.",
            DefaultValueFactory = _ => "fp32",
        }.AcceptOnlyFromAmong([.. s_precisions.Keys]);
        var model = Model();
        var command = new Command("export", "Write a model for open_clip, Hugging Face or cliptrain; converts theirs, too.")
        {
            source,
            format,
            output,
            precision,
            model,
        };
        command.SetAction(parsed =>
        {
            using var opened = ModelFolder.Open(parsed.GetRequiredValue(source), parsed.GetValue(model));
            var folder = parsed.GetRequiredValue(output);
            var bytes = new ModelExport(
                opened,
                s_formats[parsed.GetRequiredValue(format)],
                s_precisions[parsed.GetRequiredValue(precision)]
            ).Write(folder);
            Console.WriteLine(
                $"{Readable.Count(opened.Weights.Shapes.Count)} tensors, {bytes / 1e6:0.0} MB in {parsed.GetValue(precision)}, written "
                    + $"to {folder} for "
                    + $"{parsed.GetValue(format)}{(opened.Merges is null ? "; the source has no tokenizer, so there is none in it" : "")}."
            );
            return ExitCodes.Ok;
        });
        return command;
    }
}
