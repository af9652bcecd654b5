using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Interop;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain export SOURCE --format open-clip|hugging-face|cliptrain -o DIR [--precision P] [--model NAME]</c>
/// </summary>
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

    /// <summary>Option that names the architecture of a bare weights file.</summary>
    public static Option<string?> Model() =>
        new("--model")
        {
            Description = "Architecture of a bare weights file: a name from configs/models, a model file, or an open_clip .json.",
        };

    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "Run, checkpoint, exported folder (open_clip, Hugging Face or cliptrain), or weights file.",
        };
        var format = new Option<string>("--format") { Description = "Output format.", Required = true }.AcceptOnlyFromAmong([
            .. s_formats.Keys,
        ]);
        var output = new Option<string>("--output", "-o") { Description = "Output folder; must not exist.", Required = true };
        var precision = new Option<string>("--precision")
        {
            Description = "Data type of the exported weights.",
            DefaultValueFactory = _ => "fp32",
        }.AcceptOnlyFromAmong([.. s_precisions.Keys]);
        var model = Model();
        var command = new Command("export", "Export a model to open_clip, Hugging Face or cliptrain format, or convert between them.")
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
                    + $"{parsed.GetValue(format)}{(opened.Merges is null ? " (no tokenizer, because the source has none)" : "")}."
            );
            return ExitCodes.Ok;
        });
        return command;
    }
}
