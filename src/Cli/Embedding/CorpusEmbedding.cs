using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Embedding;

/// <summary>Where the embedding of a process' parts stands.</summary>
/// <param name="Done">Pairs that are behind, those of earlier work too.</param>
/// <param name="Bad">How many of them could not be used.</param>
/// <param name="Total">Pairs of all its parts.</param>
public readonly record struct EmbeddingProgress(long Done, long Bad, long Total);

/// <summary>Embeds parts of a corpus as evaluation would. A part's batches begin with it, so that its bytes do not depend on who embeds which others. Runs on the torch thread.</summary>
/// <param name="model">With its weights.</param>
/// <param name="tokenizer">The model's; null where no texts are embedded.</param>
/// <param name="run">How images are made.</param>
/// <param name="corpus">What is embedded.</param>
/// <param name="plan">How.</param>
/// <param name="folder">Where the parts go; begun with the plan.</param>
/// <param name="threads">Decoding threads.</param>
public sealed class CorpusEmbedding(
    ClipModel model,
    ITokenizer? tokenizer,
    RunOptions run,
    CorpusManifest corpus,
    EmbeddingPlan plan,
    EmbeddingFolder folder,
    int threads
)
{
    private readonly CorpusFileNames _names = new(corpus.Files);

    /// <summary>Embeds the parts of a shard that are not finished.</summary>
    /// <param name="shard">This process, from 0.</param>
    /// <param name="shards">How many share the work: of each so many parts this takes one.</param>
    /// <param name="progress">Called after every batch.</param>
    /// <param name="cancellation">Stops; the part in work is lost.</param>
    public void Run(int shard, int shards, Action<EmbeddingProgress> progress, CancellationToken cancellation)
    {
        var mine = plan.Parts(corpus).Index().Where(part => part.Index % shards == shard).ToArray();
        var finished = mine.Where(part => folder.IsFinished(part.Index)).ToArray();
        var now = new EmbeddingProgress(
            finished.Sum(part => part.Item.End - part.Item.First),
            finished.Sum(part => (long)folder.ReadReport(part.Index).Bad.Count),
            mine.Sum(part => part.Item.End - part.Item.First)
        );
        progress(now);
        foreach (var (number, samples) in mine.Except(finished))
        {
            Embed(
                number,
                samples,
                (done, bad) =>
                {
                    now = now with { Done = now.Done + done, Bad = now.Bad + bad };
                    progress(now);
                },
                cancellation
            );
        }
    }

    private void Embed(int part, (long First, long End) samples, Action<int, int> onBatch, CancellationToken cancellation)
    {
        using var guard = no_grad();
        folder.RemoveAbandoned(part);
        var (embedded, bad) = (0L, new List<BadSample>());
        using var writer = new EmbeddingWriter(folder.PartPath(part), plan.Dimensions, plan.HasImages, plan.HasTexts);
        using var loader = new SequentialLoader(
            corpus,
            () => new ClipImageTransform(RunPlan.Images(run).Evaluation),
            new SequentialLoaderOptions
            {
                Samples = samples,
                Batch = plan.Batch,
                Threads = threads,
                ImageTime = RunPlan.Images(run).Time,
                Images = plan.HasImages,
                CaptionRequired = plan.HasTexts,
            },
            sample => bad.Add(sample with { File = _names[sample.File] })
        );
        foreach (var batch in loader.Read(cancellation))
        {
            using (batch)
            {
                Add(writer, batch);
                embedded += batch.Count;
                onBatch(batch.Count + batch.BadSamples, batch.BadSamples);
            }
        }

        folder.Write(part, new PartReport(embedded, bad));
        writer.Complete();
    }

    private void Add(EmbeddingWriter writer, EvaluationBatch batch)
    {
        if (batch.Count == 0)
            return;
        using var scope = NewDisposeScope();
        var images = plan.HasImages
            ? model
                .EncodeImage(ImageInput.OnDevice(RunPlan.Images(run).Wrap(batch.Images, batch.Count), model.Parameters.Master.device))
                .to(CPU)
                .AsSpan<float>()
            : default;
        var texts = plan.HasTexts
            ? TextEmbedding.Of(model, tokenizer!, batch.Captions.Select(caption => caption!), plan.Batch).AsSpan<float>()
            : default;
        for (var i = 0; i < batch.Count; i++)
        {
            var (file, row) = corpus.Locate(batch.Indices[i]);
            writer.Add(_names[file], row, Row(images, i), Row(texts, i));
        }
    }

    private ReadOnlySpan<float> Row(ReadOnlySpan<float> embeddings, int row) =>
        embeddings.IsEmpty ? default : embeddings.Slice(row * plan.Dimensions, plan.Dimensions);
}
