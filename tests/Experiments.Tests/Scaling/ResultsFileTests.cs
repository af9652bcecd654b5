using ClipTrain.Experiments.Scaling;

namespace ClipTrain.Experiments.Tests.Scaling;

public sealed class ResultsFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("", ":1: the file is empty")]
    [InlineData("flops,error\n1,2\n", ":1: has no column 'compute' (--x); its columns: flops, error")]
    [InlineData("compute,error\n", ":1: compute and error have no rows")]
    [InlineData("compute,error\n1,2\n", ":2: compute and error have one point; a law needs at least three")]
    [InlineData("compute,error\n1,2\n2,3\n", ":3: compute and error have two points, which always lie on a line")]
    [InlineData("compute,error\n1,2\n1,3\n1,4\n", ":4: every compute is 1; a law needs at least two different ones")]
    [InlineData("compute,error\n1,2\n2,0\n3,4\n", ":3: error is 0; laws use logarithms")]
    [InlineData("compute,error\n1,2\n-2,3\n3,4\n", ":3: compute is -2; laws use logarithms")]
    [InlineData("compute,error\n1,2\n2,NaN\n3,4\n", ":3: error is NaN; laws use logarithms")]
    [InlineData("compute,error\n1,2\n2,much\n3,4\n", ":3: error is 'much', which is not a number")]
    [InlineData("compute,error\n1,2\n2\n3,4\n", ":3: the line has 1 fields, but the header has 2 columns: error is missing")]
    public void What_no_law_can_be_fitted_to_is_refused_with_its_place(string text, string reason)
    {
        File.WriteAllText(_path, text);
        var error = Assert.Throws<ExperimentException>(() => ResultsFile.Read(_path, new ResultColumns("compute", "error")));
        Assert.StartsWith(_path, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<ExperimentException>(() => ResultsFile.Read("nowhere.csv", new ResultColumns("compute", "error")));
        Assert.Equal("nowhere.csv: the file does not exist.", error.Message);
    }

    [Fact]
    public void Rows_that_differ_in_their_seed_alone_are_one_trial()
    {
        File.WriteAllText(_path, "compute,error,seed\n1,2,1\n1,2.1,2\n2,1.5,1\n2,1.6,2\n3,1.2,1\n");
        var sample = Sample.Of(ResultsFile.Read(_path, new ResultColumns("compute", "error") { Seed = "seed" }));
        Assert.Equal(3, sample.TrialCount);
        Assert.Equal([0, 0, 1, 1, 2], sample.Trials);
    }

    [Fact]
    public void The_points_of_two_curves_are_two_trials()
    {
        File.WriteAllText(_path, "compute,error,curve\n1,2,a\n2,1.6,a\n1,2.1,b\n4,1.2,b\n");
        var error = Assert.Throws<ExperimentException>(() =>
            ResultsFile.Read(_path, new ResultColumns("compute", "error") { Curve = "curve" })
        );
        Assert.Equal($"{_path}:5: compute and error have two trials; a law needs at least three.", error.Message);
    }

    [Fact]
    public void A_law_that_is_asked_for_and_cannot_be_told_is_refused_in_words()
    {
        File.WriteAllText(_path, "compute,error\n1,2\n2,1.5\n3,1.2\n");
        var rows = ResultsFile.Read(_path, new ResultColumns("compute", "error"));
        var floor = Assert.Throws<ExperimentException>(() => LawFitter.Fit(rows, ["power_floor"]));
        Assert.Equal("power_floor cannot be fitted: 3 points cannot determine its 3 parameters: it needs at least 4.", floor.Message);
        var model = Assert.Throws<ExperimentException>(() => LawFitter.Fit(rows, ["parametric"]));
        Assert.Contains("--params and --data", model.Message, StringComparison.Ordinal);
    }
}
