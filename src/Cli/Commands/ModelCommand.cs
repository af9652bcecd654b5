using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain model describe NAME [--image-size N] [--patch P]</c></summary>
public static class ModelCommand
{
    private static readonly int[] s_patches = [4, 8, 14, 16, 28, 32];

    public static Command Create()
    {
        var name = new Argument<string>("NAME")
        {
            Description = "Name from configs/models, path of a model file, or a model folder that export accepts.",
        };
        var size = new Option<int?>("--image-size") { Description = "Override the image size, in pixels." };
        var patch = new Option<int?>("--patch") { Description = "Override the patch size, in pixels." };
        var describe = new Command(
            "describe",
            "Print tokens, parameters, multiply-accumulates and activation memory of each part of a model."
        )
        {
            name,
            size,
            patch,
        };
        describe.SetAction(parsed =>
        {
            Describe(ModelResolution.Of(Named(parsed.GetRequiredValue(name)), parsed.GetValue(size), parsed.GetValue(patch)));
            return ExitCodes.Ok;
        });
        return new Command("model", "Inspect models.") { describe };
    }

    private static ModelOptions Named(string nameOrFolder)
    {
        if (!Directory.Exists(nameOrFolder))
        {
            return RunConfig.LoadModel(nameOrFolder);
        }

        using var opened = ModelFolder.Open(nameOrFolder);
        return opened.Options;
    }

    private static void Describe(ModelOptions model)
    {
        AnsiConsole.Write(Parts(ModelCost.Of(model)));
        Console.WriteLine("Per image and caption: multiply-accumulates of a forward pass, and activations stored for the backward pass.");
        if (model.Image.Architecture == ImageArchitecture.Resnet)
        {
            return;
        }

        Console.WriteLine();
        Console.WriteLine("The model with other patch sizes:");
        AnsiConsole.Write(Patches(model));
    }

    private static Table Parts(IReadOnlyList<ModelPart> parts)
    {
        var table = Table("part", "tokens", "parameters", "GMACs", "MB fp32", "MB bf16");
        foreach (var tower in parts.GroupBy(part => part.Tower, StringComparer.Ordinal))
        {
            foreach (var part in tower)
            {
                table.AddRow([$"{part.Tower} {part.Name}", Readable.Count(part.Tokens), .. Figures([part])]);
            }
        }

        table.AddEmptyRow();
        foreach (var tower in new[] { "image", "text" })
        {
            table.AddRow([tower, "", .. Figures([.. parts.Where(part => part.Tower == tower)])]);
        }

        table.AddRow(["model", "", .. Figures(parts)]);
        return table;
    }

    private static Table Patches(ModelOptions model)
    {
        var table = Table("patch", "tokens", "parameters", "GMACs", "MB fp32", "MB bf16");
        var sides = s_patches.Append(model.Image.Patch!.Value).Distinct().Order();
        foreach (var side in sides)
        {
            if (ModelResolution.TryOf(model, side) is { } other)
            {
                table.AddRow([
                    side == model.Image.Patch ? $"{side} (this)" : $"{side}",
                    Readable.Count(VisionTransformer.Tokens(other.Image)),
                    .. Figures(ModelCost.Of(other)),
                ]);
            }
        }

        return table;
    }

    private static IEnumerable<string> Figures(IReadOnlyList<ModelPart> parts)
    {
        yield return Readable.Count(parts.Sum(part => part.Parameters));
        yield return (parts.Sum(part => part.Macs) / 1e9).ToString("0.000", CultureInfo.InvariantCulture);
        foreach (var precision in new[] { Precision.Fp32, Precision.Bf16 })
        {
            yield return (parts.Sum(part => part.Activations.Bytes(precision)) / 1e6).ToString("0.00", CultureInfo.InvariantCulture);
        }
    }

    private static Table Table(string first, params string[] figures)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn(first);
        foreach (var figure in figures)
        {
            table.AddColumn(new TableColumn(figure).RightAligned());
        }

        return table;
    }
}
