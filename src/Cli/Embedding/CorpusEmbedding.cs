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

/// <summary>Progress of one process.</summary>
/// <param name="Done">Processed pairs, including those of earlier runs.</param>
/// <param name="Bad">Unusable pairs among them.</param>
/// <param name="Total">Pairs in all parts of the process.</param>
public readonly record struct EmbeddingProgress(long Done, long Bad, long Total);

/// <summary>
/// Embedding of corpus parts with the preprocessing of evaluation. Batches never cross parts, so the bytes of a part do
/// not depend on how parts are distributed. Runs on the torch thread.
/// </summary>
/// <param name="model">Model with loaded weights.</param>
/// <param name="tokenizer">The model's tokenizer; null if no texts are embedded.</param>
/// <param name="source">Where the model comes from; defines the image preprocessing.</param>
/// <param name="corpus">Corpus to embed.</param>
/// <param name="plan">Settings of the embedding.</param>
/// <param name="folder">Output folder, initialised with the plan.</param>
/// <param name="threads">Decoding threads.</param>
public sealed class CorpusEmbedding(
    ClipModel model,
    ITokenizer? tokenizer,
    EmbeddingModel source,
    CorpusManifest corpus,
    EmbeddingPlan plan,
    EmbeddingFolder folder,
    int threads
)
{
    private readonly CorpusFileNames _names = new(corpus.Files);

    /// <summary>Embeds the unfinished parts of a shard.</summary>
    /// <param name="shard">Index of this process, from 0.</param>
    /// <param name="shards">Number of processes; each takes every shards-th part.</param>
    /// <param name="progress">Called after every batch.</param>
    /// <param name="cancellation">Cancels the work; the current part is lost.</param>
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
        var transform = source.Transform;
        var (embedded, bad) = (0L, new List<BadSample>());
        using var writer = new EmbeddingWriter(folder.PartPath(part), plan.Dimensions, plan.HasImages, plan.HasTexts);
        using var loader = new SequentialLoader(
            corpus,
            () => new ClipImageTransform(transform),
            new SequentialLoaderOptions
            {
                Samples = samples,
                Batch = plan.Batch,
                Threads = threads,
                ImageTime = transform.Limits.Time,
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
        {
            return;
        }

        using var scope = NewDisposeScope();
        var images = plan.HasImages
            ? model
                .EncodeImage(
                    ImageInput.OnDevice(RunPlan.Images(source.Run).Wrap(batch.Images, batch.Count), model.Parameters.Master.device)
                )
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
