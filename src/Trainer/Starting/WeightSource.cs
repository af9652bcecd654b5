using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Starting;

/// <summary>The file that training.start_from means, and the vocabulary of its token table.</summary>
/// <param name="File">A file of weights.</param>
/// <param name="Merges">The vocabulary, where the file lies in a run whose vocabulary can be read.</param>
public sealed record WeightSource(string File, MergeList? Merges)
{
    /// <param name="path">A file of weights, a checkpoint, or a run, of which the newest checkpoint is meant.</param>
    /// <exception cref="CheckpointException">It is none of these.</exception>
    public static WeightSource Find(string path)
    {
        if (System.IO.File.Exists(path))
            return Of(path);
        var model = Path.Combine(path, CheckpointDirectory.ModelFile);
        if (System.IO.File.Exists(model))
            return Of(model);
        var checkpoints = new CheckpointDirectory(new RunFiles(path).Checkpoints);
        return checkpoints.Steps() is [.., var newest]
            ? Of(Path.Combine(checkpoints.PathOf(newest), CheckpointDirectory.ModelFile))
            : throw new CheckpointException($"training.start_from '{path}' is no file of weights, no checkpoint, and no run that has a checkpoint.");
    }

    private static WeightSource Of(string file) => new(file, VocabularyOfRun(new RunFiles(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, "..", ".."))));

    private static MergeList? VocabularyOfRun(RunFiles run)
    {
        if (!System.IO.File.Exists(run.Config))
            return null;
        try
        {
            return MergeList.Named(RunConfig.Load(run.Config, []).Options.Data.Merges);
        }
        catch (Exception error) when (error is ConfigException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            // The weights can be used all the same: their vocabulary then counts as unknown.
            return null;
        }
    }
}
