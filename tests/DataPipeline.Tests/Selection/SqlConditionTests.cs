using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Tests.Selection;

public sealed class SqlConditionTests
{
    [Theory]
    [InlineData("clip_score > 0.28 and width >= 200")]
    [InlineData("(a or b) and not (c)")]
    [InlineData("text like '%;)(--%' and \"odd ;( column\" is not null")]
    [InlineData("text = 'it''s' or a - -1 > 2 or a / b * c < 3")]
    [InlineData("range > 3 and repeat in (1, 2)")]
    [InlineData("selected and list_contains(tags, 'select')")]
    public void A_condition_passes(string text) => Assert.Null(SqlCondition.ErrorIn(text));

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("  \n", "is empty")]
    [InlineData("a > 1; drop table b", "contains ;")]
    [InlineData("a > 1 -- and b", "contains --")]
    [InlineData("a > 1 /* b */", "contains /*")]
    [InlineData("a = $1", "contains $")]
    [InlineData("(a > 1", "unclosed parenthesis")]
    [InlineData("a > 1) or (b", "closes a parenthesis")]
    [InlineData("text = 'open", "unclosed quotation mark")]
    [InlineData("a > (Select max(a) from read_parquet('x'))", "contains a query")]
    [InlineData("len(range(1000000000)) > 0", "calls range")]
    [InlineData("length(\"Repeat\" (text, 1000000000)) > 1", "calls repeat")]
    [InlineData("text.lpad(2000000000, 'x') = text", "calls lpad")]
    public void What_is_more_or_less_than_one_condition_is_refused(string text, string reason) =>
        Assert.Contains(reason, SqlCondition.ErrorIn(text), StringComparison.Ordinal);
}
