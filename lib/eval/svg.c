/* SPDX-License-Identifier: Apache-2.0 */
/* Drawings: see svg.h. Bars and whiskers are stretched to their row (preserveAspectRatio none),
 * so that one page serves a telephone and a wide screen; the chart of lines keeps its shape, and
 * its letters stay readable down to 340 points.
 *
 * Colours are those of the page's style sheet, by class or variable. A scale ends at 1, 2 or 5
 * times a power of ten with at most five steps. Coordinates have one or two digits behind the
 * point, finer than any screen shows. */
#include "eval/svg.h"

#include <math.h>
#include <stdio.h>

void pz_svg_text(struct pz_str *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;

        if (entity)
            pz_str_adds(out, entity);
        else
            pz_str_addc(out, *text);
    }
}

static double part(double value, double full)
{
    return full > 0 ? fmin(1, fmax(0, value / full)) : 0;
}

void pz_svg_bar(struct pz_str *out, double value, double full, int series)
{
    pz_str_addf(out,
                "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\"><rect class=\"rail\" width=\"100\" height=\"10\"/><rect "
                "class=\"f%d\" width=\"%.2f\" height=\"10\"/></svg>",
                series, 100 * part(value, full));
}

void pz_svg_interval(struct pz_str *out, double value, double low, double high, double full,
                     int series)
{
    double from = 100 * part(low, full), to = 100 * part(high, full);

    pz_str_addf(out,
                "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\"><rect class=\"rail\" y=\"4.5\" width=\"100\" height=\"1\"/>"
                "<rect class=\"f%d soft\" x=\"%.2f\" y=\"2.5\" width=\"%.2f\" height=\"5\"/><rect "
                "class=\"f%d\" x=\"%.2f\" width=\"0.8\" height=\"10\"/></svg>",
                series, from, fmax(0.3, to - from), series,
                fmax(0, fmin(99.2, 100 * part(value, full) - 0.4)));
}

/* ---- lines ---- */
enum { WIDTH = 360, HEIGHT = 190, LEFT = 38, RIGHT = 14, TOP = 14, BOTTOM = 26 };

/* The end of a scale and its step: 1, 2 or 5 times a power of ten, at most five of them. */
static double round_up(double largest, double *step)
{
    double unit = pow(10, floor(log10(largest > 0 ? largest : 1)) - 1);
    static const double steps[] = { 1, 2, 5, 10, 20, 50 };
    size_t i = 0;

    while (i < 5 && largest > 5 * unit * steps[i])
        i++;
    *step = unit * steps[i];
    return ceil(largest / *step - 1e-9) * *step;
}

static double at_x(double x, double low, double high)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (high > low ? (x - low) / (high - low) : 0);
}

static double at_y(double y, double full)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part(y, full);
}

static void draw_axes(struct pz_str *out, const double *x, size_t n, double full, double step)
{
    double last = -100;

    for (double y = 0; y <= full * 1.0001; y += step)
        pz_str_addf(out,
                    "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                    "text-anchor=\"end\">%.3g</text>",
                    LEFT, at_y(y, full), WIDTH - RIGHT, LEFT - 5, at_y(y, full) + 3.5, y);
    for (size_t i = 0; i < n; i++) {
        double at = at_x(x[i], x[0], x[n - 1]);

        if (at - last >= 18)
            pz_str_addf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>", at,
                        HEIGHT - 9, x[i]);
        last = at - last >= 18 ? at : last;
    }
}

void pz_svg_lines(struct pz_str *out, const char *title, const double *x, size_t n,
                  const struct pz_svg_line *line, size_t n_lines)
{
    double largest = 0, step, full;

    for (size_t k = 0; k < n_lines; k++)
        for (size_t i = 0; i < n; i++)
            largest = fmax(largest, line[k].y[i]);
    full = round_up(largest, &step);
    pz_str_addf(out, "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\"><title>", WIDTH,
                HEIGHT);
    pz_svg_text(out, title);
    pz_str_adds(out, "</title>");
    draw_axes(out, x, n, full, step);
    for (size_t k = n_lines; k-- > 0;) { /* the first on top */
        pz_str_addf(out, "<path class=\"line s%zu\" d=\"", k);
        for (size_t i = 0; i < n; i++)
            pz_str_addf(out, "%s%.1f %.1f", i ? "L" : "M", at_x(x[i], x[0], x[n - 1]),
                        at_y(line[k].y[i], full));
        pz_str_adds(out, "\"/>");
        for (size_t i = 0; i < n; i++)
            pz_str_addf(out, "<circle class=\"f%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", k,
                        at_x(x[i], x[0], x[n - 1]), at_y(line[k].y[i], full));
    }
    pz_str_adds(out, "</svg>\n<p class=\"legend\">");
    for (size_t k = 0; k < n_lines; k++) {
        pz_str_addf(out, "<span><i class=\"b%zu\"></i>", k);
        pz_svg_text(out, line[k].name);
        pz_str_adds(out, "</span> ");
    }
    pz_str_adds(out, "</p>\n");
}
