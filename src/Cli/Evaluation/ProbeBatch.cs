using System.Security.Cryptography;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Monitoring.Runs;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>
/// A fixed batch of pairs that a run's model embeds now and then: the first pairs of the first retrieval split, or of the training corpus
/// if there is none. A look draws no random number and changes nothing of the model. Failures are warnings, and end the looks.
/// </summary>
/// <param name="run">The run's options.</param>
/// <param name="training">The training corpus.</param>
/// <param name="directory">Run directory.</param>
/// <param name="warn">Receives the reason if there is no probe.</param>
internal sealed class ProbeBatch(RunOptions run, CorpusManifest training, string directory, Action<string> warn)
{
    /// <summary>Rows to search for each wanted pair: rows may repeat an image or a caption.</summary>
    private const int RowsPerPair = 8;

    private const int Digits = 3;

    private Pairs? _pairs;
    private bool _isOver = run.Evaluation.ProbePairs == 0 || !run.Training.Objective.HasSharedSpace();

    /// <summary>Embeds the batch and records its similarities. Call on the torch thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="step">Steps that it has taken.</param>
    public void Look(ClipModel model, long step)
    {
        if (_isOver)
        {
            return;
        }

        try
        {
            _pairs ??= Read();
            var similarity = Similarity(model, _pairs);

            // Weights that are about to diverge have none: the next step says so, and a look must not end the run before it.
            if (similarity.All(row => row.All(double.IsFinite)))
            {
                ProbeFile.Add(directory, _pairs.Captions, _pairs.Thumbnails, new ProbeStep(step, similarity));
            }
        }
        catch (Exception error) when (error is CorpusException or IOException or UnauthorizedAccessException)
        {
            _isOver = true;
            warn($"The page shows no probe batch (evaluation.probe_pairs): {error.Message}");
        }
    }

    private double[][] Similarity(ClipModel model, Pairs pairs)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var device = model.Parameters.Master.device;
        var (count, size) = (pairs.Captions.Count, run.Model.Image.Size);
        var images_n3SS = empty([count, 3, size, size], uint8);
        pairs.Pixels.CopyTo(images_n3SS.Bytes());
        var images_nD = model.EncodeImage(ImageInput.OnDevice(images_n3SS, device)).cpu();
        var texts_nD = TextEmbedding.Of(model, pairs.Tokenizer, pairs.Captions, count);
        var similarity_nn = images_nD.MatMul(texts_nD.transpose(0, 1)).contiguous().AsSpan<float>().ToArray();
        return [.. similarity_nn.Chunk(count).Select(row => row.Select(cosine => Math.Round(cosine, Digits)).ToArray())];
    }

    private Pairs Read()
    {
        var corpus = run.Evaluation.Retrieval.Count > 0 ? Open(run.Evaluation.Retrieval[0]) : training;
        var (wanted, size) = (run.Evaluation.ProbePairs, run.Model.Image.Size);
        var transform = RunPlan.Images(run).Evaluation with { Type = ImageType.UInt8 };
        using var loader = new SequentialLoader(
            corpus,
            () => new ClipImageTransform(transform),
            new SequentialLoaderOptions
            {
                Batch = wanted,
                Samples = (0, Math.Min(corpus.SampleCount, (long)wanted * RowsPerPair)),
                ImageTime = transform.Limits.Time,
            }
        );
        var (captions, pixels, seen) = (new List<string>(), new List<byte[]>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var batch in loader.Read())
        {
            using (batch)
            {
                for (var i = 0; i < batch.Count && captions.Count < wanted; i++)
                {
                    var image = ImageOf(batch, i, size);
                    var (caption, hash) = (batch.Captions[i]!, Convert.ToHexString(SHA256.HashData(image)));
                    if (!seen.Contains(caption) && !seen.Contains(hash))
                    {
                        seen.UnionWith([caption, hash]);
                        captions.Add(caption);
                        pixels.Add(image);
                    }
                }
            }

            if (captions.Count == wanted)
            {
                break;
            }
        }

        return captions.Count > 0
            ? new Pairs(
                captions,
                [.. pixels.Select(image => Convert.ToBase64String(Thumbnail.Of(image, size)))],
                [.. pixels.SelectMany(image => image)],
                RunPlan.Tokenizer(run)
            )
            : throw new CorpusException($"none of the first {wanted * RowsPerPair} rows has a usable pair.");
    }

    private CorpusManifest Open(RetrievalOptions split) =>
        new SplitCorpus(run, _ => { }).Open(
            split.Name,
            split.Data,
            new SplitColumns(split.ImageColumn, split.CaptionColumn),
            SplitContent.EveryCaption
        );

    private static unsafe byte[] ImageOf(EvaluationBatch batch, int index, int size)
    {
        var bytes = 3 * size * size;
        return new ReadOnlySpan<byte>((byte*)batch.Images + ((long)index * bytes), bytes).ToArray();
    }

    /// <param name="Captions">Captions of the pairs.</param>
    /// <param name="Thumbnails">JPEGs of their images in base64.</param>
    /// <param name="Pixels">Their images as the model sees them: uint8 [n, 3, size, size].</param>
    /// <param name="Tokenizer">The run's tokenizer.</param>
    private sealed record Pairs(IReadOnlyList<string> Captions, IReadOnlyList<string> Thumbnails, byte[] Pixels, ITokenizer Tokenizer);
}
