using ClipTrain.Cli.Evaluation;
using ClipTrain.EndToEnd.Tests;
using ClipTrain.Monitoring.Runs;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Evaluation;

public sealed class ProbeBatchTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void The_first_pairs_of_the_first_retrieval_split_are_looked_at_and_nothing_else_changes()
    {
        _corpus.Write("held-out.parquet", 40, i => TinyCorpus.Picture(i / 2), i => $"caption {i / 3}");
        using var model = Model(
            "evaluation.probe_pairs=5",
            $"evaluation.retrieval=[{{ name: held-out, data: [{_corpus.PathOf("held-out.parquet")}] }}]"
        );
        var (weights, random) = (Weights(model.Model), torch.random.get_rng_state().data<byte>().ToArray());

        model.Probe.Look(model.Model, 0);
        model.Probe.Look(model.Model, 10);

        var seen = ProbeFile.Read(_corpus.Folder)!;
        // Rows that repeat an image or a caption are passed over: rows 0, 3, 6, 9 and 12.
        Assert.Equal(["caption 0", "caption 1", "caption 2", "caption 3", "caption 4"], seen.Captions, StringComparer.Ordinal);
        Assert.All(seen.Images, image => Assert.StartsWith("/9j/", image, StringComparison.Ordinal));
        Assert.Equal([0, 10], seen.Steps.Select(look => look.Step));
        Assert.Equal(seen.Steps[0].Similarity, seen.Steps[1].Similarity);
        Assert.All(seen.Steps[0].Similarity.SelectMany(row => row), cosine => Assert.InRange(cosine, -1, 1));
        Assert.Equal(weights, Weights(model.Model));
        Assert.Equal(random, torch.random.get_rng_state().data<byte>().ToArray());
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Weights_without_finite_similarities_are_left_out_and_training_goes_on()
    {
        using var model = Model("evaluation={}");
        model.Probe.Look(model.Model, 0);
        using (torch.no_grad())
        {
            model.Model.Parameters.Master.fill_(float.NaN);
        }

        model.Probe.Look(model.Model, 10);
        Assert.Equal([0], ProbeFile.Read(_corpus.Folder)!.Steps.Select(look => look.Step));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Without_a_retrieval_split_the_training_corpus_gives_the_pairs()
    {
        using var model = Model("evaluation={}");
        model.Probe.Look(model.Model, 0);
        Assert.Equal(Enumerable.Range(0, 16).Select(TinyCorpus.Caption), ProbeFile.Read(_corpus.Folder)!.Captions, StringComparer.Ordinal);
    }

    [Fact]
    public void A_split_that_cannot_be_read_is_one_warning_and_training_goes_on()
    {
        using var model = Model("evaluation.retrieval=[{ name: gone, data: [gone.parquet] }]");
        model.Probe.Look(model.Model, 0);
        model.Probe.Look(model.Model, 10);
        Assert.Contains("evaluation.probe_pairs", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.Null(ProbeFile.Read(_corpus.Folder));
    }

    [Fact]
    public void No_pairs_are_no_probe()
    {
        using var model = Model("evaluation.probe_pairs=0");
        model.Probe.Look(model.Model, 0);
        Assert.Null(ProbeFile.Read(_corpus.Folder));
        Assert.Empty(_warnings);
    }

    private static float[] Weights(ClipModel model) => model.Parameters.Master.AsSpan<float>().ToArray();

    private Probed Model(params string[] changes)
    {
        var options = RunConfig
            .Load(
                _corpus.PathOf(_corpus.RunFile),
                [
                    $"data.train=[{_corpus.PathOf("train.parquet")}]",
                    $"data.merges={_corpus.PathOf("merges.txt")}",
                    "evaluation.zero_shot=[]",
                    .. changes,
                ]
            )
            .Options;
        return new Probed(
            new ClipModel(options.Model, Precision.Fp32, seed: 1),
            new ProbeBatch(options, RunCorpus.Select(options), _corpus.Folder, _warnings.Add)
        );
    }

    private sealed record Probed(ClipModel Model, ProbeBatch Probe) : IDisposable
    {
        public void Dispose() => Model.Dispose();
    }
}
