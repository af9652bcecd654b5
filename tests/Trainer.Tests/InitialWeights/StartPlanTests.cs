using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.InitialWeights;

public sealed class StartPlanTests
{
    private static readonly RunOptions s_run = TinyClip.Run();

    [Fact]
    public void Weights_of_the_same_model_are_all_loaded()
    {
        var plan = new StartPlan(s_run, new Shapes(s_run.Model), null);
        Assert.All(plan.Tensors, start => Assert.Equal(TensorOrigin.Loaded, start.Origin));
    }

    [Fact]
    public void Positions_are_resized_missing_tensors_are_fresh_and_extra_ones_unused()
    {
        var source = new Shapes(
            s_run.Model with
            {
                Image = s_run.Model.Image with { Size = 40 },
                Text = s_run.Model.Text with { Context = 9 },
            }
        );
        source.Remove("ln_final.bias");
        source.Add("visual.head.weight", [3, 4]);
        var plan = new StartPlan(s_run, source, null).Tensors.ToDictionary(start => start.Name, StringComparer.Ordinal);

        Assert.Equal("visual.positional_embedding [26, 32] → [10, 32], bicubic", plan["visual.positional_embedding"].ToString());
        Assert.Equal("positional_embedding [9, 24] → [20, 24], linear", plan["positional_embedding"].ToString());
        Assert.Equal("ln_final.bias (not in the file)", plan["ln_final.bias"].ToString());
        Assert.Equal(TensorOrigin.Unused, plan["visual.head.weight"].Origin);
        Assert.Equal(plan.Count - 4, plan.Values.Count(start => start.Origin == TensorOrigin.Loaded));
    }

    [Theory]
    [InlineData("visual.positional_embedding", 16, "visual.positional_embedding is [16, 32], the model's is [10, 32]")]
    [InlineData("visual.proj", 31, "visual.proj is [31, 24], the model's is [32, 24]")]
    [InlineData("text_projection", 25, "text_projection is [25, 24], the model's is [24, 24]")]
    public void A_mismatched_shape_is_reported_and_can_be_excluded(string name, long rows, string message)
    {
        var source = new Shapes(s_run.Model);
        source.Add(name, [rows, .. ClipModel.Specs(s_run.Model).Single(spec => spec.Name == name).Shape.Skip(1)]);
        var error = Assert.Throws<WeightsException>(() => new StartPlan(s_run, source, null));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("start_from_except", error.Message, StringComparison.Ordinal);

        var without = new StartPlan(With(training => training with { StartFromExcept = [name] }), source, null);
        Assert.Equal(name, Assert.Single(without.Tensors, start => start.Origin != TensorOrigin.Loaded).Name);
    }

    [Fact]
    public void Weights_without_any_matching_tensor_and_exceptions_without_a_match_are_rejected()
    {
        var other = new Shapes();
        other.Add("fc.weight", [2, 2]);
        Assert.Contains(
            "fc.weight",
            Assert.Throws<WeightsException>(() => new StartPlan(s_run, other, null)).Message,
            StringComparison.Ordinal
        );
        var misspelt = With(training => training with { StartFromExcept = ["vision."] });
        Assert.Contains(
            "'vision.'",
            Assert.Throws<WeightsException>(() => new StartPlan(misspelt, new Shapes(s_run.Model), null)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_locked_tensor_must_be_in_the_file()
    {
        var source = new Shapes(s_run.Model);
        source.Remove("visual.class_embedding");
        var locked = With(training => training with { UnlockedGroups = new UnlockedGroupsOptions { Image = 0 } });
        Assert.Contains(
            "visual.class_embedding is locked",
            Assert.Throws<WeightsException>(() => new StartPlan(locked, source, null)).Message,
            StringComparison.Ordinal
        );
        Assert.Single(new StartPlan(s_run, source, null).Tensors, start => start.Origin == TensorOrigin.Fresh);
    }

    [Fact]
    public void Shared_tokens_rows_are_taken_from_another_vocabulary()
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-rows-").FullName;
        try
        {
            MergeList List(string name, params string[] merges)
            {
                File.WriteAllLines(Path.Combine(folder, name), merges);
                return MergeList.Load(Path.Combine(folder, name));
            }

            var from = List("from.txt", "r e", "b l");
            var to = List("to.txt", "b l", "g r", "r e");
            var run = s_run with
            {
                Data = s_run.Data with { Merges = Path.Combine(folder, "to.txt") },
                Model = s_run.Model with { Text = s_run.Model.Text with { Vocabulary = to.VocabularySize } },
            };
            var source = new Shapes(s_run.Model with { Text = s_run.Model.Text with { Vocabulary = from.VocabularySize } });

            var plan = new StartPlan(run, source, from);
            Assert.Equal($"516 of 517 rows by the tokens' text", plan.Tensors.Single(start => start.Name == StartPlan.TokenTable).Note);
            var table = Enumerable.Repeat(-1f, to.VocabularySize).ToArray();
            plan.Rows!.Copy([.. Enumerable.Range(0, from.VocabularySize).Select(row => (float)row)], table, 1);
            Assert.Equal([.. Enumerable.Range(0, 512), 513, -1, 512, 514, 515], table.Select(row => (int)row));

            // The same number of tokens, but different ones: only a known vocabulary tells them apart.
            Assert.Equal(
                TensorOrigin.Fresh,
                new StartPlan(run, source, null).Tensors.Single(start => start.Name == StartPlan.TokenTable).Origin
            );
            Assert.Equal(
                TensorOrigin.Loaded,
                new StartPlan(run, new Shapes(run.Model), to).Tensors.Single(start => start.Name == StartPlan.TokenTable).Origin
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static RunOptions With(Func<TrainingOptions, TrainingOptions> change) => s_run with { Training = change(s_run.Training) };

    /// <summary>Weights with names and shapes only.</summary>
    private sealed class Shapes : IWeights
    {
        private readonly Dictionary<string, IReadOnlyList<long>> _shapes = new(StringComparer.Ordinal);

        public Shapes(ModelOptions? model = null)
        {
            foreach (var spec in model is null ? [] : ClipModel.Specs(model))
            {
                _shapes.Add(spec.Name, spec.Shape);
            }
        }

        public string Path => "weights";

        IReadOnlyDictionary<string, IReadOnlyList<long>> IWeights.Shapes => _shapes;

        public void Add(string name, IReadOnlyList<long> shape) => _shapes[name] = shape;

        public void Remove(string name) => _shapes.Remove(name);

        public void Read(string name, Span<float> destination) => throw new NotSupportedException();

        public void Dispose() { }
    }
}
