using ClipTrain.DataPipeline.Text;
using ClipTrain.DataPipeline.Text.HuggingFace;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>
/// Opens models from any source: a run or one of its checkpoints, a folder of open_clip, Hugging Face or <c>cliptrain export</c>,
/// or a single weights file of a named model.
/// </summary>
public static class ModelFolder
{
    /// <summary>Files in a folder that ClipTrain exports.</summary>
    internal const string OwnConfig = "model.yaml",
        OwnWeights = "model.safetensors";

    private const string OpenAiMerges = "openai";

    private static readonly string[] s_openClipWeights =
    [
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.safetensors",
        "open_clip_pytorch_model.bin",
        "model.safetensors",
    ];
    private static readonly string[] s_huggingFaceWeights =
    [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ];

    /// <summary>True if a folder describes its model and is not a run or checkpoint.</summary>
    public static bool IsModel(string folder) =>
        new[] { OpenClipConfig.FileName, OwnConfig, HuggingFaceConfig.FileName }.Any(file => File.Exists(Path.Combine(folder, file)));

    /// <param name="path">A folder or file, or the name of a run under runs/.</param>
    /// <param name="model">For a weights file: the name of its model, or the path of a model file of ClipTrain or open_clip.</param>
    /// <exception cref="WeightsException">A file is missing or malformed, or describes features that ClipTrain does not have.</exception>
    /// <exception cref="UsageException">There is no model at the path.</exception>
    public static OpenedModel Open(string path, string? model = null)
    {
        if (File.Exists(path))
        {
            return OpenFile(
                path,
                model
                    ?? throw new UsageException(
                        $"{path} contains only weights. Name its model, as in --model ViT-B-32-quickgelu, or give the folder that "
                            + "holds its configuration."
                    )
            );
        }

        if (model is not null)
        {
            throw new UsageException(
                $"--model is only for a weights file; {path} is "
                    + $"{(Directory.Exists(path) ? "a folder, which describes its model itself" : "no file")}."
            );
        }

        bool Has(string file) => File.Exists(Path.Combine(path, file));
        if (Has(OpenClipConfig.FileName))
        {
            return OpenOpenClip(path);
        }

        if (Has(OwnConfig))
        {
            return OpenOwn(path);
        }

        if (Has(CheckpointDirectory.StateFile))
        {
            return OpenCheckpoint(Path.GetFullPath(path));
        }

        if (Has(HuggingFaceConfig.FileName))
        {
            return OpenHuggingFace(path);
        }

        if (Directory.Exists(path) && !Has("config.yaml"))
        {
            throw new UsageException(
                $"{path} is not a model: it has neither {OpenClipConfig.FileName} (open_clip), {HuggingFaceConfig.FileName} (Hugging "
                    + $"Face), {OwnConfig} (cliptrain export) nor config.yaml (a run)."
            );
        }

        return OpenRun(RunFiles.Find(path));
    }

    private static OpenedModel OpenFile(string path, string name)
    {
        var options = name.EndsWith(".json", StringComparison.Ordinal) ? OpenClipConfig.Load(name).Model : RunConfig.LoadModel(name);
        return Opened(options, path, $"the model {name}", Preprocessing.Clip, OpenAi(options));
    }

    private static OpenedModel OpenOpenClip(string folder)
    {
        var config = Path.Combine(folder, OpenClipConfig.FileName);
        var (options, preprocessing, ownTokenizer) = OpenClipConfig.Load(config);
        return Opened(
            options,
            First(folder, s_openClipWeights),
            config,
            preprocessing,
            Tokenizer(folder, ownTokenizer ? null : OpenAi(options))
        );
    }

    private static OpenedModel OpenHuggingFace(string folder)
    {
        var config = Path.Combine(folder, HuggingFaceConfig.FileName);
        var options = HuggingFaceConfig.Load(config);
        return Opened(
            options,
            First(folder, s_huggingFaceWeights),
            config,
            Preprocessor(folder, options),
            Tokenizer(folder, OpenAi(options))
        );
    }

    private static OpenedModel OpenOwn(string folder)
    {
        var config = Path.Combine(folder, OwnConfig);
        var options = RunConfig.LoadModel(config);
        return Opened(options, First(folder, [OwnWeights]), config, Preprocessor(folder, options), Tokenizer(folder, OpenAi(options)));
    }

    private static OpenedModel OpenRun(RunFiles run)
    {
        var checkpoints = new CheckpointDirectory(run.Checkpoints);
        return checkpoints.ReadNewest(step => OpenCheckpoint(run, checkpoints, step))
            ?? throw new WeightsException($"{run.Checkpoints}: has no checkpoint yet.");
    }

    private static OpenedModel OpenCheckpoint(string folder)
    {
        var checkpoints = new CheckpointDirectory(Path.GetDirectoryName(folder)!);
        var run = new RunFiles(Path.GetDirectoryName(checkpoints.Root) ?? "");
        var step = checkpoints.Steps().Cast<long?>().FirstOrDefault(step => checkpoints.PathOf(step!.Value) == folder);
        return step is not null && File.Exists(run.Config)
            ? OpenCheckpoint(run, checkpoints, step.Value)
            : throw new UsageException(
                $"{folder} is a checkpoint without its run, whose config.yaml describes the model. Give its "
                    + $"{CheckpointDirectory.ModelFile} and --model."
            );
    }

    private static OpenedModel OpenCheckpoint(RunFiles run, CheckpointDirectory checkpoints, long step)
    {
        checkpoints.Verify(step);
        var options = RunConfig.Load(run.Config, []).Options;
        return Opened(
            options.Model,
            Path.Combine(checkpoints.PathOf(step), CheckpointDirectory.ModelFile),
            run.Config,
            Preprocessing.Clip,
            RunPlan.Merges(options.Data.Merges),
            options
        );
    }

    private static OpenedModel Opened(
        ModelOptions options,
        string weightsPath,
        string config,
        Preprocessing preprocessing,
        MergeList? merges,
        RunOptions? run = null
    )
    {
        CheckOptions(options, config);
        if (merges is not null && merges.VocabularySize != options.Text.Vocabulary)
        {
            throw new WeightsException(
                $"{config}: has a vocabulary of {options.Text.Vocabulary} tokens, but the tokenizer files next to it have "
                    + $"{merges.VocabularySize}."
            );
        }

        var file = WeightsFile.Open(weightsPath);
        try
        {
            KnownActivation.Check(file, options.Activation, config);
            return new OpenedModel(options, SinePositions.Without(WeightNames.Ours(file), options.Image), preprocessing, merges, run);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void CheckOptions(ModelOptions options, string config)
    {
        if (RunValidation.CheckModel(options, "", _ => true).Select(problem => problem.Message).FirstOrDefault() is { } problem)
        {
            throw new WeightsException($"{config}: describes an invalid model: {problem}.");
        }
    }

    private static string First(string folder, string[] names) =>
        names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
        ?? throw new WeightsException($"{folder}: has no weights: none of {string.Join(", ", names)}.");

    private static Preprocessing Preprocessor(string folder, ModelOptions options) =>
        Path.Combine(folder, HuggingFaceConfig.PreprocessorFile) is var path && File.Exists(path)
            ? HuggingFaceConfig.LoadPreprocessing(path, options.Image.Size)
            : Preprocessing.Clip;

    private static MergeList? OpenAi(ModelOptions options) =>
        options.Text.Vocabulary
        == new TextTowerOptions
        {
            Width = 1,
            Layers = 1,
            Heads = 1,
        }.Vocabulary
            ? RunPlan.Merges(OpenAiMerges)
            : null;

    /// <summary>The vocabulary of the tokenizer files in a folder, or a fallback.</summary>
    private static MergeList? Tokenizer(string folder, MergeList? otherwise)
    {
        bool Has(string file) => File.Exists(Path.Combine(folder, file));
        if (!(Has("vocab.json") && Has("merges.txt")) && !Has("tokenizer.json"))
        {
            return otherwise;
        }

        try
        {
            return TokenizerFolder.Read(folder);
        }
        catch (InvalidDataException error)
        {
            throw new WeightsException(error.Message, error);
        }
    }
}
