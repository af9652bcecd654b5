using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights;
using ClipTrain.Weights.Names;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>The weights that training.start_from refers to.</summary>
/// <param name="Weights">The weights under ClipTrain's names.</param>
/// <param name="Merges">Vocabulary of their token table; null if unknown.</param>
public sealed record WeightSource(IWeights Weights, MergeList? Merges)
{
    /// <param name="path">A weights file, a checkpoint, a run (its newest checkpoint), or a model folder.</param>
    /// <param name="activation">The run's activation; must equal that of the weights, if known.</param>
    /// <exception cref="WeightsException">The path is none of these, or cannot be read.</exception>
    public static WeightSource Open(string path, Activation activation)
    {
        if (ModelFolder.IsModel(path))
        {
            return OpenModel(path, activation);
        }

        if (File.Exists(path))
        {
            return OpenFile(path, activation);
        }

        if (Path.Combine(path, CheckpointDirectory.ModelFile) is var model && File.Exists(model))
        {
            return OpenFile(model, activation);
        }

        var checkpoints = new CheckpointDirectory(new RunFiles(path).Checkpoints);
        return checkpoints.ReadNewest(newest =>
                OpenFile(Path.Combine(checkpoints.PathOf(newest), CheckpointDirectory.ModelFile), activation)
            )
            ?? throw new WeightsException(
                $"training.start_from '{path}' is not a weights file, a checkpoint, a model folder or a run with a checkpoint."
            );
    }

    private static WeightSource OpenModel(string folder, Activation activation)
    {
        var opened = ModelFolder.Open(folder);
        if (opened.Options.Activation == activation && opened.Preprocessing.IsClip)
        {
            return new WeightSource(opened.Weights, opened.Merges);
        }

        opened.Dispose();
        throw new WeightsException(
            opened.Preprocessing.IsClip
                ? $"{folder}: its model's activation differs from model.activation of this run. Set them to the same: with the other one "
                    + "the weights give wrong results."
                : $"{folder}: its model was trained with other images than a run gives it: {opened.Preprocessing}. Runs prepare images as "
                    + $"CLIP does ({Preprocessing.Clip}). To train on regardless, give the folder's weights file instead of the folder."
        );
    }

    private static WeightSource OpenFile(string path, Activation activation)
    {
        var file = WeightsFile.Open(path);
        try
        {
            KnownActivation.Check(file, activation, "the run");
            return new WeightSource(
                WeightNames.Ours(file),
                VocabularyOfRun(new RunFiles(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, "..", "..")))
            );
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static MergeList? VocabularyOfRun(RunFiles run)
    {
        if (!File.Exists(run.Config))
        {
            return null;
        }

        try
        {
            return MergeList.Named(RunConfig.Load(run.Config, []).Options.Data.Merges);
        }
        catch (Exception error) when (error is ConfigException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            // The weights are still usable; their vocabulary counts as unknown.
            return null;
        }
    }
}
