using System.Text.Json;
using System.Text.Json.Nodes;
using ClipTrain.Coordinator.Storage;
using ClipTrain.DataPipeline.Text;
using ClipTrain.DataPipeline.Text.HuggingFace;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>Export formats.</summary>
public enum ExportFormat
{
    OpenClip,
    HuggingFace,
    Cliptrain,
}

/// <summary>Writes a model as a folder that other programs can open: weights, configuration, tokenizer and preprocessing.</summary>
/// <param name="model">The model to export.</param>
/// <param name="format">The format of the folder.</param>
/// <param name="precision">fp32, fp16 or bf16; values are rounded to nearest.</param>
public sealed class ModelExport(OpenedModel model, ExportFormat format, NumberType precision)
{
    private const int ChunkNumbers = 1 << 20;
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>
    /// Writes to a temporary folder and renames it, so the folder is complete or absent. Returns the size of the weights in bytes.
    /// </summary>
    /// <exception cref="UsageException">The folder exists, or the format cannot express the model.</exception>
    /// <exception cref="WeightsException">The weights do not belong to the model or are not finite, or the disk is full.</exception>
    public long Write(string folder)
    {
        var final = Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar);
        if (Directory.Exists(final) || File.Exists(final))
        {
            throw new UsageException($"{folder} already exists. Name a new folder.");
        }

        if (Refusal() is { } why)
        {
            throw new UsageException($"The model cannot be written as {Name}: {why}.");
        }

        WeightCheck.Strict(model.Weights, [.. ClipModel.Specs(model.Options, model.Objective)]);
        var partial = $"{final}.partial-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(partial);
            var bytes = WriteFiles(partial, Path.GetFileName(final));
            DirectorySync.Sync(partial);
            Directory.Move(partial, final);
            DirectorySync.Sync(Path.GetDirectoryName(final)!);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{folder}: could not be written: {error.Message}", error);
        }
        finally
        {
            if (Directory.Exists(partial))
            {
                Directory.Delete(partial, recursive: true);
            }
        }
    }

    private string Name =>
        format switch
        {
            ExportFormat.OpenClip => "open_clip",
            ExportFormat.HuggingFace => "Hugging Face's CLIPModel",
            _ => "cliptrain",
        };

    private string? Refusal() =>
        format switch
        {
            _ when !model.HasSharedSpace =>
                $"it was trained for {OptionSection.SnakeCase(model.Objective.ToString())} and has no text tower; a run can start from "
                    + "it with training.start_from",
            ExportFormat.OpenClip => OpenClipConfig.Refusal(model.Options),
            ExportFormat.HuggingFace => HuggingFaceConfig.Refusal(model.Options, model.Preprocessing, model.HasLogitBias),
            _ => null,
        };

    private long WriteFiles(string folder, string name)
    {
        if (model.Merges is not null)
        {
            TokenizerFolder.Write(folder, model.Merges, model.Options.Text.Context);
        }

        switch (format)
        {
            case ExportFormat.OpenClip:
                var tokenizer = model.Merges is null || model.Merges.Merges.SequenceEqual(MergeList.OpenAi().Merges) ? null : name;
                WriteJson(
                    Path.Combine(folder, OpenClipConfig.FileName),
                    OpenClipConfig.Write(model.Options, model.Preprocessing, tokenizer, model.HasLogitBias)
                );
                return WriteWeights(
                    Path.Combine(folder, "open_clip_model.safetensors"),
                    SinePositions.With(model.Weights, model.Options.Image)
                );
            case ExportFormat.HuggingFace:
                WriteJson(Path.Combine(folder, HuggingFaceConfig.FileName), HuggingFaceConfig.Write(model.Options, precision));
                WriteJson(
                    Path.Combine(folder, HuggingFaceConfig.PreprocessorFile),
                    HuggingFaceConfig.WritePreprocessing(model.Preprocessing, model.Options.Image.Size)
                );
                return WriteWeights(Path.Combine(folder, "model.safetensors"), HuggingFaceNames.ToTheirs(model.Weights));
            default:
                File.WriteAllText(Path.Combine(folder, ModelFolder.OwnConfig), ConfigWriter.WriteModel(model.Options));
                WriteJson(
                    Path.Combine(folder, HuggingFaceConfig.PreprocessorFile),
                    HuggingFaceConfig.WritePreprocessing(model.Preprocessing, model.Options.Image.Size)
                );
                return WriteWeights(Path.Combine(folder, ModelFolder.OwnWeights), model.Weights);
        }
    }

    private long WriteWeights(string path, IWeights weights)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["format"] = "pt",
            [KnownActivation.MetadataKey] = KnownActivation.Name(model.Options.Activation),
        };
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
        SafetensorsWriter.Write(
            file,
            [.. weights.Shapes.Select(tensor => new TensorHeader(tensor.Key, tensor.Value, precision))],
            metadata,
            (tensor, stream) => WriteTensor(weights, tensor, stream)
        );
        file.Flush(flushToDisk: true);
        return file.Length;
    }

    private void WriteTensor(IWeights weights, TensorHeader tensor, Stream stream)
    {
        var values = new float[tensor.Count];
        weights.Read(tensor.Name, values);
        WeightCheck.Finite(model.Weights, tensor.Name, values);
        var bytes = new byte[Math.Min(tensor.Count, ChunkNumbers) * precision.Bytes()];
        for (long done = 0; done < tensor.Count; done += ChunkNumbers)
        {
            var part = values.AsSpan((int)done, (int)Math.Min(ChunkNumbers, tensor.Count - done));
            var narrow = bytes.AsSpan(0, part.Length * precision.Bytes());
            NumberConversion.Narrow(part, precision, narrow);
            if (precision == NumberType.Float16)
            {
                CheckRange(tensor.Name, part);
            }

            stream.Write(narrow);
        }
    }

    private static void CheckRange(string name, ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!Half.IsFinite((Half)value))
            {
                throw new UsageException(
                    $"The model cannot be written in fp16: '{name}' contains {value}, which is out of range. Use fp32 or bf16."
                );
            }
        }
    }

    private static void WriteJson(string path, JsonObject json) => File.WriteAllText(path, json.ToJsonString(s_indented) + "\n");
}
